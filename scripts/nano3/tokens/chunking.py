r"""
Where may a document be cut so that the tokens of its pieces, end to end, are the document's tokens?

Where the pre-tokenizer always splits, whatever the context, and neither side changes how the other is split.

PATTERNS are the pre-tokenizers for which such places are proved: Mistral's Tekken, which Nemotron 3 uses too, Llama 3
and o200k. They have no lookbehind, and lookahead only in `\s+(?!\S)`. No match of theirs contains
- visible ASCII followed by a space: a space comes first in a match, or after other whitespace;
- a line break followed by anything but whitespace and `/`.
The lookahead never sees such a place: whitespace that ends there ends in a line break, so `\s*[\r\n]+` or `[\r\n/]*`
has matched it before.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

PIECE_BYTES = 2**20
CONTRACTION = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
TITLE = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+"
UPPER = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
WORD = r"[^\r\n\p{L}\p{N}]?\p{L}+"
WHITESPACE = r"\s*[\r\n]+|\s+(?!\S)|\s+"
PATTERNS = {
    "tekken": rf"{TITLE}|{UPPER}|\p{{N}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{WHITESPACE}",
    "llama 3": rf"{CONTRACTION}|{WORD}|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{WHITESPACE}",
    "o200k": rf"{TITLE}{CONTRACTION}?|{UPPER}{CONTRACTION}?|\p{{N}}{{1,3}}| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{WHITESPACE}",
}
# Beyond ASCII, only characters whose first UTF-8 byte no whitespace character has.
PLACES = re.compile(rb"[!-~](?= )|\n(?=[!-.0-~\xc3-\xe0\xe4-\xf4])")


def may_be_cut(definition: Mapping[str, Any]) -> bool:
    """Whether PLACES are valid for a tokenizer.json: its pattern is known and nothing else depends on the context."""
    whole = {"type": "Split", "behavior": "Isolated", "invert": False}
    splits = [whole | {"pattern": {"Regex": pattern}} for pattern in PATTERNS.values()]
    match definition:
        case {
            "normalizer": None,
            "pre_tokenizer": {
                "type": "Sequence",
                "pretokenizers": [first, {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}],
            },
            "model": {"type": "BPE"},
            "added_tokens": added,
        }:
            return first in splits and not any(
                token["lstrip"] or token["rstrip"] or PLACES.search(token["content"].encode()) for token in added
            )
    return False


def cuts(text: npt.NDArray[np.uint8]) -> Iterator[int]:
    """Where to cut a document's UTF-8: at the first of PLACES after every PIECE_BYTES, and at its end."""
    end = 0
    while place := PLACES.search(text.data, end + PIECE_BYTES):
        end = place.end()
        yield end
    yield len(text)
