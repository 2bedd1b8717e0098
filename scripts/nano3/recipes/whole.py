"""What does a recipe say in full, and where is each value from? As YAML that is a recipe itself, or as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nano3.recipes.extends import Composition, KeyPath, inner
from nano3.recipes.origins import origin

DEFAULT = "default"
INDENT = "  "
WIDEST = 60  # columns of a value beyond which others' comments don't move


@dataclass(frozen=True)
class Line:
    """
    A value, or a group of those below it. source: the file that says it, the option, or `default`. line: of the file,
    from 1.
    """

    path: KeyPath
    value: Any
    source: str
    line: int | None

    @property
    def key(self) -> str:
        """Dotted."""
        return ".".join(self.path)

    @property
    def group(self) -> bool:
        """Whether there are keys below it."""
        return isinstance(self.value, dict) and bool(self.value)


def lines(values: Mapping[str, Any], composition: Composition) -> list[Line]:
    """
    All values and their groups. values: of the typed recipe, with its defaults, of which those that are None are left
    out. composition: of the same recipe.
    """
    found = []
    for path, value in inner(dict(values)):
        if value is not None:
            key = ".".join(path)
            said = origin(composition, key)
            found.append(Line(path, value, composition.owner(key) or DEFAULT, said.line if said else None))
    return found


def as_json(found: list[Line]) -> dict[str, Any]:
    """By dotted key: value, source and line. Groups are left out, except empty ones."""
    return {
        each.key: {"value": each.value, "source": each.source, "line": each.line} for each in found if not each.group
    }


def as_yaml(found: list[Line], heading: str) -> str:
    """A recipe with a comment beside each value, and a heading."""
    texts = [f"{INDENT * (len(each.path) - 1)}{_quoted(each.path[-1])}:{_value(each)}" for each in found]
    column = max((len(text) for text in texts if len(text) <= WIDEST), default=0)
    rows = [
        text if each.group else f"{text.ljust(column)}  # {_source(each)}"
        for text, each in zip(texts, found, strict=True)
    ]
    return "\n".join([f"# {heading}", *rows])


def _value(line: Line) -> str:
    return "" if line.group else f" {_quoted(line.value)}"


def _quoted(value: Any) -> str:
    """A value as YAML, in one line."""
    written = yaml.safe_dump(value, default_flow_style=True, width=float("inf"), allow_unicode=True)
    return written.removesuffix("\n").removesuffix("\n...")


def _source(line: Line) -> str:
    place = Path(line.source).name if line.line else line.source
    return f"{place}:{line.line}" if line.line else place
