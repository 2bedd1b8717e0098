"""
What did a recipe with overrides change? Its name is a digest, so a run notes it in results/recipes/{name}.json.

The file decides nothing and is no input of anything. It says how to ask for the same recipe again.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from nano3.artifact.files import write_json
from nano3.artifact.paths import OVERRIDES


class Override(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """
    A recipe with overrides. recipe: that they are of. set, sample: as they were given. changes: of what decides a
    result, by dotted key: the recipe's value when the run began, and the override's.
    """

    recipe: str
    set: str
    sample: int
    changes: Mapping[str, tuple[Any, Any]]


def note_override(name: str, override: Override) -> None:
    """Write down what a name stands for. name: that its artifacts go by."""
    if read_override(name) != override:
        write_json(_path(name), msgspec.to_builtins(override))


def read_override(name: str) -> Override | None:
    """What a name stands for; None if no run noted it, or the file is damaged."""
    try:
        return msgspec.json.decode(_path(name).read_bytes(), type=Override)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def noted_overrides() -> Iterable[str]:
    """Names that a run noted, sorted."""
    return sorted(path.stem for path in Path(OVERRIDES).glob("*.json"))


def _path(name: str) -> Path:
    return Path(OVERRIDES) / f"{name}.json"
