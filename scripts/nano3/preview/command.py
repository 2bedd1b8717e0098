"""How are recipes shown before they run? As text or JSON, and as a picture: the same options for all previews."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from nano3.config.load import load_recipe
from nano3.config.options import PAIRS, RECIPE_HELP
from nano3.core.cli import Argument, AsJson, run, to_json

DOTS_PER_INCH = 110

SetOption = Annotated[str, Argument("overrides, as for snakemake --config set=", PAIRS, name="set")]
DrawOption = Annotated[Path | None, Argument("draw it, too", "FILE")]


def show(description: str, count: int, value: Callable[..., Any], as_text: Callable[[Any], str], picture: str) -> None:
    """
    Run a preview of recipes from the command line: print them as text or JSON, and draw them if asked to.

    count: of recipes. value: of the recipes, as JSON can hold it, given their names and themselves in turns. picture:
    the function of nano3.preview.pictures that draws it; importing it takes longest, so that waits until it is needed.
    """

    def preview(
        recipes: Annotated[list[str], Argument(RECIPE_HELP, "RECIPE", positional=True, count=count)],
        overrides: SetOption = "",
        json: AsJson = False,
        svg: DrawOption = None,
        png: DrawOption = None,
    ) -> None:
        preview = value(*(part for name in recipes for part in load_recipe(name, overrides)))
        print(to_json(preview) if json else as_text(preview))
        if files := [file for file in (svg, png) if file]:
            _draw(preview, picture, files)

    run(preview, description)


def _draw(preview: Any, picture: str, files: list[Path]) -> None:
    from nano3.drawing.svg import page_style
    from nano3.preview import pictures

    with page_style():
        figure = getattr(pictures, picture)(preview)
        for file in files:
            undated = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, dpi=DOTS_PER_INCH, facecolor="white", metadata=undated)
