"""Jinja's environment for every page and picture: numbers as people write them, one style, nothing undefined."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nano3.artifact.digest import short
from nano3.core.formatting import compact, count, duration, loss, many, moment, percent, points, rate, signed, size
from nano3.drawing.svg import DARK, LIGHT

FILTERS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (count, compact, size, duration, moment, percent, points, signed, loss, rate, many, short)
}


def environment(folder: Path) -> Environment:
    """Templates of a folder and those that all pages share; `light` and `dark` are the colours of the style."""
    made = Environment(
        loader=FileSystemLoader((folder, Path(__file__).parent)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= FILTERS
    made.globals |= {"light": LIGHT, "dark": DARK}
    return made
