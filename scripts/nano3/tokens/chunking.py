r"""
Where may a document be cut so that its pieces' tokens, end to end, are the document's tokens?

Where the pre-tokenizer cuts it whatever stands around, and where neither side changes how the other is split.

That is worked out for the pre-tokenizers in PATTERNS: of Mistral's Tekken, which is Nemotron 3's too, of Llama 3 and of
o200k. They never look back, and look ahead only in `\s+(?!\S)`. None of their matches holds
- visible ASCII and then a space: a space stands first in a match or behind other whitespace;
- a line break and then anything but whitespace and `/`: nothing else follows a line break in a match.
Looking ahead never sees such a place: a run of whitespace that ends there ends in a line break, and is taken by
`\s*[\r\n]+` or by `[\r\n/]*` before.
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
# Of characters beyond ASCII, those whose first UTF-8 byte begins no whitespace.
PLACES = re.compile(rb"[!-~](?= )|\n(?=[!-.0-~\xc3-\xe0\xe4-\xf4])")


def may_be_cut(definition: Mapping[str, Any]) -> bool:
    """Whether PLACES hold for a tokenizer.json: its pattern is known and nothing else looks at what stands around."""
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
    while found := PLACES.search(text.data, end + PIECE_BYTES):
        end = found.end()
        yield end
    yield len(text)
