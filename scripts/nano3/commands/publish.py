"""What leaves this machine? publish sends what was made."""

import os

import click

from nano3.commands.options import Choice, recipe_options


@click.command()
@recipe_options
@click.option(
    "--mode",
    type=click.Choice(["online", "offline", "disabled"]),
    help="Instead of WANDB_MODE or what config/config.yaml says.",
)
def publish(choice: Choice, mode: str | None) -> None:
    """
    Send what a recipe has made to Weights & Biases.

    Artifacts go by reference, and curves; nothing is sent twice.
    """
    from nano3.provenance.wandb_sync import Target, left_out, publications
    from nano3.provenance.wandb_sync import publish as send

    settings = choice.settings()
    target = Target(
        mode or os.environ.get("WANDB_MODE", settings.wandb_mode),
        os.environ.get("WANDB_PROJECT", settings.wandb_project),
        os.environ.get("WANDB_ENTITY", settings.wandb_entity) or None,
    )
    name, loaded = choice.load()
    sent = send(name, publications(name, loaded), target)
    rest = [] if target.mode == "disabled" else left_out(name, loaded)
    print("\n".join([f"{target.name}: {len(sent)} sent", *sent, *rest]))
