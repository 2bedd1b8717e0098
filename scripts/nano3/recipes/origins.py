"""Where does a value of a recipe stand: in which line, written how, and with which comment beside it?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from nano3.recipes.extends import Composition, KeyPath


@dataclass(frozen=True)
class Origin:
    """
    A value or a group in a file. line: from 1. text: as it is written, items of a list joined by commas; empty for a
    group. comment: beside it, with lines of nothing but comment that go on with it; values in braces share theirs.
    group: whether it is a group on lines of its own.
    """

    line: int
    text: str
    comment: str
    group: bool = False


@lru_cache(maxsize=16)
def origins(text: str) -> dict[str, Origin]:
    """All values and groups of a YAML text by dotted key, in their order."""
    node = yaml.compose(text)
    found = _origins(node, (), text.splitlines()) if isinstance(node, yaml.MappingNode) else ()
    return {".".join(path): each for path, each in found}


def origin(composition: Composition, key: str) -> Origin | None:
    """Where a value stands, by dotted key, in the file that it is from; None if it is from no file."""
    owner = composition.owner(key)
    if owner is None or Path(owner) not in composition.files:
        return None
    return origins(Path(owner).read_text(encoding="utf-8")).get(key)


def _origins(node: yaml.MappingNode, path: KeyPath, lines: list[str]) -> Iterator[tuple[KeyPath, Origin]]:
    for key, value in node.value:
        here, line = (*path, str(key.value)), key.start_mark.line + 1
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            yield here, Origin(line, "", _comment(key.end_mark, lines), group=True)
            yield from _origins(value, here, lines)
            continue
        own = _comment(value.end_mark, lines)
        if isinstance(value, yaml.MappingNode):
            yield here, Origin(line, "", "")
            for inner, each in _origins(value, here, lines):
                yield inner, Origin(each.line, each.text, own)
        elif isinstance(value, yaml.SequenceNode):
            yield here, Origin(line, ", ".join(str(each.value) for each in value.value), own)
        else:
            yield here, Origin(line, value.value, own)


def _comment(mark: yaml.Mark, lines: list[str]) -> str:
    """The comment after a place in the text, with the lines of nothing but comment that go on with it."""
    if mark.line >= len(lines):
        return ""
    beside = re.match(r"[,:}\]\s]*#\s*(.*)", lines[mark.line][mark.column :])
    if not beside:
        return ""
    words, column = [beside[1].strip()], lines[mark.line].index("#", mark.column)
    for line in lines[mark.line + 1 :]:
        if not line.lstrip().startswith("#") or line.index("#") != column:
            break
        words.append(line.lstrip().lstrip("#").strip())
    return " ".join(words)
