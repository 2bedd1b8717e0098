"""
How does `nano3` start? It imports the one command that was asked for, and every mistake is one sentence.

The module of a command imports what answers it inside the command, so help and completion stay fast.
"""

import os
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from nano3 import Nano3Error

SECTIONS = {
    "Prepare": {"init": "data", "pin": "data"},
    "Look before you run": {
        "plan": "run",
        "mixture": "preview",
        "schedule": "preview",
        "layout": "preview",
        "recipe": "recipes",
        "recipes": "recipes",
    },
    "Run on a cluster": {"submit": "run"},
    "Ask what was made": {"trace": "inspect", "verify": "inspect", "compare": "inspect"},
    "Share": {"publish": "publish"},
    "Maintain": {"certify": "run", "completion": "completion"},
}
PACKAGE = Path(__file__).resolve().parents[1]
HERE = Path("scripts/nano3")


class Sections(click.Group):
    """A group whose help shows commands by purpose, and that imports a command when it is needed."""

    def list_commands(self, _context: click.Context) -> list[str]:
        """All names, section by section."""
        return [name for commands in SECTIONS.values() for name in commands]

    def get_command(self, _context: click.Context, cmd_name: str) -> click.Command | None:
        """The command of that name; None if there is none."""
        modules = {name: module for commands in SECTIONS.values() for name, module in commands.items()}
        if cmd_name not in modules:
            return None
        command = getattr(import_module(f"nano3.commands.{modules[cmd_name]}"), cmd_name)
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, context: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does. Raises UsageError, with the nearest name, if there is no such command."""
        near = get_close_matches(args[0], self.list_commands(context), 1)
        if near and near != args[:1] and not args[0].startswith("-"):
            context.fail(f"no such command {args[0]!r}; did you mean {near[0]}?")
        return super().resolve_command(context, args)

    def format_commands(self, context: click.Context, formatter: click.HelpFormatter) -> None:
        """Section by section, one line a command."""
        for section, names in SECTIONS.items():
            commands = {name: self.get_command(context, name) for name in names}
            with formatter.section(section):
                formatter.write_dl(
                    [(name, command.get_short_help_str(88)) for name, command in commands.items() if command]
                )


@click.group(cls=Sections, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(package_name="nano3-pretraining", prog_name="nano3")
@click.pass_context
def nano3(context: click.Context) -> None:
    """
    Pretraining as an artifact graph. `snakemake` builds; `nano3` prepares, previews and answers.

    Run it from the repository root. Completion: eval "$(nano3 completion)".
    """
    asks_how = context.invoked_subcommand == "completion" or {"-h", "--help"} & set(sys.argv)
    if not asks_how and not Path("config").is_dir():
        raise Nano3Error("this folder is not the repository: cd to the one that has Snakefile and config/")


def main() -> NoReturn:
    """Run `nano3` with the words of the command line, and exit: 1 for a mistake in files, 2 for one in the words."""
    _use_package_here()
    try:
        status = nano3.main(prog_name="nano3", standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        print(_in_one_line(error), file=sys.stderr)
        sys.exit(error.exit_code)
    except (click.Abort, KeyboardInterrupt):
        sys.exit("nano3: interrupted")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("nano3"):
            raise
        sys.exit(
            f"nano3: the library {error.name} is not installed here: activate the environment, . .venv/bin/activate, "
            "or make it with `make demo`"
        )
    except Nano3Error as error:
        sys.exit(f"{' '.join(['nano3', *sys.argv[1:2]])}: {error}")
    sys.exit(status if isinstance(status, int) else 0)


def _in_one_line(error: click.ClickException) -> str:
    """A mistake in the words of the command line, with the command whose --help explains them."""
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = error.format_message().rstrip(".")
    command = context.command_path if context else "nano3"
    return f"{command}: {message[:1].lower()}{message[1:]}; see {command} --help"


def _use_package_here() -> None:
    """Restart with the package of the repository one stands in, if the one that runs is another checkout's."""
    if HERE.is_dir() and HERE.resolve() != PACKAGE:
        path = os.pathsep.join([str(HERE.resolve().parent), *filter(None, [os.environ.get("PYTHONPATH")])])
        os.execve(sys.executable, [sys.executable, "-m", "nano3", *sys.argv[1:]], os.environ | {"PYTHONPATH": path})
