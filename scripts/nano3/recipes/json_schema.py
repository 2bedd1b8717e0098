"""
What may an editor accept in a recipe's file? Everything that it must say, or less beside `extends`.

The schema of the whole recipe is strict. In a file that extends another no key is required and null removes one, but
what is one choice is written whole, see nano3.recipes.extends.
"""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from nano3.recipes.extends import EXTENDS, ONE_CHOICE

Schema = dict[str, Any]
PART = "Part"  # ends the name of a definition whose keys may be left to the base
WHOLE = {name for group in ONE_CHOICE for name in group}
EXTENDED: Schema = {
    "type": "string",
    "description": "Recipe whose values count where this one says nothing. Groups of keys are merged key by key; taken "
    "whole are mixture with without_data, segments with chain, categories, and max_epochs_of. Phases of the base are "
    "changed and kept; a phase of its own makes phases a list of all, in order. null removes a value of the base.",
}


def extensible(schema: Mapping[str, Any]) -> Schema:
    """The schema of a recipe's file. schema: of the whole recipe."""
    definitions = dict(schema["$defs"])
    parts = {f"{name}{PART}": _part(each) for name, each in definitions.items()}
    strict = {name: schema[name] for name in ("required", "properties")}
    return {
        **{name: value for name, value in schema.items() if name not in strict},
        "$defs": definitions | parts,
        "properties": {EXTENDS: EXTENDED} | _part(schema)["properties"],
        "if": {"not": {"required": [EXTENDS]}},
        "then": strict,
    }


def _part(schema: Mapping[str, Any]) -> Schema:
    """A group of keys, any of which may be left out or null."""
    part = {name: deepcopy(value) for name, value in schema.items() if name != "required"}
    part["properties"] = {
        name: _or_null(value if name in WHOLE else _with_parts(value)) for name, value in schema["properties"].items()
    }
    return part


def _with_parts(value: Any) -> Any:
    """A value that refers to groups of which a part suffices."""
    if isinstance(value, list):
        return [_with_parts(each) for each in value]
    if not isinstance(value, dict):
        return value
    if "$ref" in value:
        return value | {"$ref": f"{value['$ref']}{PART}"}
    named = value.get("patternProperties", {})
    parts = {name: _with_parts(inner) for name, inner in value.items()}
    if named:
        parts["patternProperties"] = {name: _or_null(_with_parts(inner)) for name, inner in named.items()}
    return parts


def _or_null(value: Schema) -> Schema:
    """The same or null. What an editor shows of a key stays beside it."""
    shown = {name: value[name] for name in ("description", "title", "default") if name in value}
    return shown | {"anyOf": [{name: each for name, each in value.items() if name not in shown}, {"type": "null"}]}
