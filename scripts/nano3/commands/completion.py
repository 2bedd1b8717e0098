"""How does Tab complete `nano3`? By a script for the shell."""

import click
from click.shell_completion import get_completion_class


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]), default="bash")
def completion(shell: str) -> None:
    """
    Print the script that makes Tab complete nano3.

    Put eval "$(nano3 completion)" into ~/.bashrc. SHELL: bash, zsh or fish.
    """
    from nano3.commands.main import nano3

    made = get_completion_class(shell)
    assert made is not None
    print(made(nano3, {}, "nano3", "_NANO3_COMPLETE").source())
