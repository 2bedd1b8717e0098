"""Where is each number of a recipe from? Its source is the comment beside it in the file."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

OVERRIDE = "--config set"


@dataclass(frozen=True)
class Value:
    """
    A value of the recipe. key: dotted. source: the comment beside it, if there is one. A section with a comment is a
    line of its own, without a value: what holds for a section need not hold for each of its keys.
    """

    key: str
    value: str
    source: str


def values(text: str, overrides: Mapping[str, Any]) -> list[Value]:
    """
    All values in the order of the file. text: the recipe's. overrides: values by dotted key, which have no comment.

    A comment that continues alone on the next line belongs to the value as well.
    """
    node = yaml.compose(text)
    assert isinstance(node, yaml.MappingNode)
    entries = list(_values(node, "", text.splitlines()))
    known = {each.key for each in entries}
    changed = [_overridden(each, overrides) for each in entries]
    added = [Value(key, str(value), OVERRIDE) for key, value in overrides.items() if key not in known]
    return [*changed, *added]


def _overridden(value: Value, overrides: Mapping[str, Any]) -> Value:
    if value.key not in overrides:
        return value
    return Value(value.key, str(overrides[value.key]), OVERRIDE)


def _values(node: yaml.MappingNode, path: str, lines: list[str]) -> Iterator[Value]:
    for key, value in node.value:
        name = f"{path}.{key.value}" if path else key.value
        if isinstance(value, yaml.MappingNode) and not value.flow_style:
            if comment := _comment(key.end_mark, lines):
                yield Value(name, "", comment)
            yield from _values(value, name, lines)
            continue
        own = _comment(value.end_mark, lines)
        if isinstance(value, yaml.MappingNode):
            yield from (Value(inner.key, inner.value, own) for inner in _values(value, name, lines))
        elif isinstance(value, yaml.SequenceNode):
            yield Value(name, ", ".join(str(each.value) for each in value.value), own)
        else:
            yield Value(name, value.value, own)


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
