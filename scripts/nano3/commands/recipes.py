"""Which recipes are there, and how do they differ? recipe compare."""

from pathlib import Path

import click

from nano3.commands.options import RECIPE, Choice, as_json
from nano3.commands.preview import drawable, show


@click.group()
def recipe() -> None:
    """Compare recipes before they run."""


@recipe.command("compare")
@click.argument("before", metavar="RECIPE", type=RECIPE)
@click.argument("after", metavar="OTHER", type=RECIPE)
@click.option("--set", "overrides", metavar="'KEY=VALUE …'", help="Recipe values to override in both.")
@as_json
@drawable
def compare_recipes(
    before: str, after: str, overrides: str | None, as_json: bool, svg: Path | None, png: Path | None
) -> None:
    """Show two recipes side by side: headline numbers, keys that differ, learning-rate curves."""
    from nano3.preview.sides import as_text, sides

    preview = sides(*Choice(before, overrides).load(), *Choice(after, overrides).load())
    show(preview, as_text, "sides_picture", as_json, svg, png)
