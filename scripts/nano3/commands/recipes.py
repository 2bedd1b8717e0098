"""Which recipes are there, what do they say, and how do they differ? recipes, recipe show, recipe compare."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from nano3.commands.options import RECIPE, Choice, as_json, recipe_argument, to_json
from nano3.commands.preview import drawable, show

if TYPE_CHECKING:
    from nano3.config.load import Loaded


@click.command()
@click.option("--unused", "only_unused", is_flag=True, help="List what in results/ no recipe needs instead.")
@as_json
def recipes(only_unused: bool, as_json: bool) -> None:
    """
    List recipes, those with overrides too, and what they left.

    --unused: weights, tokens and document orders that neither a recipe nor one with overrides needs, with their sizes.
    It deletes nothing.
    """
    if only_unused:
        from nano3.inventory.unused import as_text, unused

        found, doubts = unused()
        print(to_json({"unused": found, "doubts": doubts}) if as_json else as_text(found, doubts))
    else:
        from nano3.inventory import entries

        rows = entries.entries()
        print(to_json(rows) if as_json else entries.as_text(rows))


@click.group()
def recipe() -> None:
    """Show a recipe in full, or compare two."""


@recipe.command("show")
@recipe_argument
@as_json
def show_recipe(choice: Choice, as_json: bool) -> None:
    """
    Show a recipe in full, with where each value is from.

    What it prints is a recipe itself, without `extends`: it has the same artifacts.
    """
    from nano3.recipes import whole

    loaded = choice.load_whole()
    found = whole.lines(loaded.said.model_dump(mode="json"), loaded.composition)
    print(to_json(whole.as_json(found)) if as_json else whole.as_yaml(found, _heading(loaded)))


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


def _heading(loaded: "Loaded") -> str:
    """Which recipe this is, and what it extends."""
    names = [file.stem for file in loaded.composition.files]
    extends = f", which extends {' and '.join(names[1:])}" if names[1:] else ""
    return f"Recipe {loaded.name}{extends}: every value, and the line that says it."
