"""What does a recipe do, before it runs? mixture, schedule, layout."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from nano3.commands.options import Choice, as_json, recipe_argument, to_json

FILE = click.Path(path_type=Path)


def drawable(command: Any) -> Any:
    """Give a command --svg and --png."""
    for ending in ("png", "svg"):
        command = click.option(f"--{ending}", type=FILE, metavar="FILE", help="Draw it, too.")(command)
    return command


def show(
    preview: Any, as_text: Callable[[Any], str], picture: str, as_json: bool, svg: Path | None, png: Path | None
) -> None:
    """Print a preview, and draw it if asked to. picture: the function of nano3.preview.pictures that draws it."""
    print(to_json(preview) if as_json else as_text(preview))
    if files := [file for file in (svg, png) if file]:
        from nano3.preview.pictures import draw

        draw(preview, picture, files)


@click.command()
@recipe_argument
@as_json
@drawable
def mixture(choice: Choice, as_json: bool, svg: Path | None, png: Path | None) -> None:
    """
    Show what each phase reads of each dataset.

    Shares before and after caps, tokens, epochs; from real counts where there are tokens, else from estimates.
    """
    from nano3.preview.mixture import as_text, mixture_plan

    show(mixture_plan(*choice.load()), as_text, "mixture_picture", as_json, svg, png)


@click.command()
@recipe_argument
@as_json
@drawable
def schedule(choice: Choice, as_json: bool, svg: Path | None, png: Path | None) -> None:
    """Show steps, batches and learning rate over tokens."""
    from nano3.preview.schedule import as_text, schedule

    show(schedule(*choice.load()), as_text, "schedule_picture", as_json, svg, png)


@click.command()
@recipe_argument
@as_json
def layout(choice: Choice, as_json: bool) -> None:
    """Show how segments lie on their ranks, or which rule of Megatron they break."""
    from nano3.preview.layout import as_text, layout

    preview = layout(choice.load()[1])
    print(to_json(preview) if as_json else as_text(preview))
