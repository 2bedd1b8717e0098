"""What the tools that show recipes have in common on the command line."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from nano3 import Nano3Error
from nano3.config.load import load_recipe
from nano3.config.recipe import Recipe

DOTS_PER_INCH = 110


def show(
    description: str,
    count: int,
    value: Callable[..., Any],
    as_text: Callable[[Any], str],
    picture: str,
) -> None:
    """
    Print what recipes of the command line come to, as text or JSON, and draw it if asked to.

    count: of recipes. value: of the recipes, as JSON can hold it, given their names and themselves in turns. picture:
    the function of nano3.preview.pictures that draws it, imported when it is asked for, for that takes longest. A
    Nano3Error ends the program with its message alone, status 1.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("recipes", nargs=count, metavar="RECIPE", help="name of a recipe in config/recipes")
    parser.add_argument(
        "--set", default="", metavar="'KEY=VALUE ...'", help="overrides, as for snakemake --config set="
    )
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    for form in ("svg", "png"):
        parser.add_argument(f"--{form}", type=Path, metavar="FILE", help=f"draw it, too, as {form.upper()}")
    asked = parser.parse_args()
    try:
        recipes: list[tuple[str, Recipe]] = [load_recipe(name, asked.set) for name in asked.recipes]
        found = value(*(part for recipe in recipes for part in recipe))
    except Nano3Error as error:
        sys.exit(f"{parser.prog.removesuffix('.py')}: {error}")
    print(json.dumps(found, indent=1, ensure_ascii=False) if asked.json else as_text(found))
    if files := [file for file in (asked.svg, asked.png) if file]:
        _draw(found, picture, files)


def _draw(found: Any, picture: str, files: Sequence[Path]) -> None:
    from nano3.drawing.svg import page_style
    from nano3.preview import pictures

    with page_style():
        figure = getattr(pictures, picture)(found)
        for file in files:
            undated = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, dpi=DOTS_PER_INCH, facecolor="white", metadata=undated)
