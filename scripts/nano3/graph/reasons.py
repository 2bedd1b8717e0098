"""Why is an artifact stale? What differs between two keys, in words that a recipe's author knows."""

from collections.abc import Mapping, Sequence
from typing import Any

from nano3.artifact.digest import differences

DAMAGED = "its receipt is damaged"
SHARDS = "the list of shards changed"
TOKENS = "other tokens are asked for"
BEFORE = "another segment was trained before it"
BLEND = "its blend changed"
GONE = "files that it names are gone"
WORDS = {
    "shards": SHARDS,
    "tokens": TOKENS,
    "template": "the template changed",
    "segments": "other samples are drawn",
    "data.blend": BLEND,
    "data.first_sample": "the phase's segments before it are of another length",
    "before": BEFORE,
    "earlier": "earlier phases draw something else",
    "numerics_version": "the numerics of training changed",
}
CODE = {
    "index": "indexing code changed",
    "blend": "blending code changed",
    "cache": "index cache code changed",
    "export": "export code changed",
    "lineage": "lineage code changed",
    "report": "reporting code changed",
}
MOST = 3  # reasons given for one artifact


def changes(kind: str, was: Mapping[str, Any], today: Mapping[str, Any]) -> list[str]:
    """What differs between the key that an artifact of this kind was made by and today's; nothing if they agree."""
    reasons: dict[str, None] = {}
    for name, (before, after) in differences(dict(was), dict(today)).items():
        if name == "code":
            reasons[CODE[kind]] = None
        elif name.startswith("mixture."):
            reasons[f"share of {name.removeprefix('mixture.')}: {written(before)} is now {written(after)}"] = None
        elif name.startswith("tokenizer.") and kind == "export":
            reasons["the tokenizer's files changed"] = None
        elif name.startswith("data.consumed."):
            reasons[f"what was read of {name.removeprefix('data.consumed.')} before it"] = None
        elif name.startswith("data.shares."):
            reasons[BLEND] = None
        else:
            reasons[WORDS.get(name, f"{name}: {written(before)} is now {written(after)}")] = None
    return list(reasons)


def joined(reasons: Sequence[str]) -> str | None:
    """The first reasons in one line; None if there is none."""
    more = [f"and {len(reasons) - MOST} more"] if len(reasons) > MOST else []
    return "; ".join([*reasons[:MOST], *more]) or None


def written(value: Any) -> str:
    """A value as a recipe would write it, if it is short."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}…"
