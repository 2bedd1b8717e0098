"""
How does a template become a file? In one environment for every page and picture: one style, numbers formatted alike,
and an undefined value is an error.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nano3.artifact.digest import short
from nano3.artifact.files import replaced
from nano3.core.formatting import (
    compact,
    count,
    duration,
    loss,
    many,
    moment,
    percent,
    points,
    rate,
    signed,
    size,
    skipped,
)
from nano3.drawing.svg import DARK, LIGHT

FILTERS: dict[str, Callable[..., Any]] = {
    each.__name__: each
    for each in (count, compact, size, duration, moment, percent, points, signed, loss, rate, many, short, skipped)
}


def write_page(file: Path, template: Path, **values: Any) -> None:
    """
    Render a template to a file, whole or not at all. It finds those of its folder and the ones that all pages share;
    `light` and `dark` are the colours of the style.
    """
    environment = Environment(
        loader=FileSystemLoader((template.parent, Path(__file__).parent)),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS
    environment.globals |= {"light": LIGHT, "dark": DARK}
    with replaced(file) as aside:
        aside.write_text(environment.get_template(template.name).render(**values), encoding="utf-8")
