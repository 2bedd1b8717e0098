import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from nano3.tokens import chunking
from nano3.tokens.chunking import cuts, may_be_cut

FILE = Path("resources/tiny/tokenizer/tokenizer.json")
# What the pattern tells apart: letters of each case, marks, digits, punctuation, every kind of whitespace.
ALPHABET = ["a", "Z", "é", "\u0301", "你", "ǅ", "7", "²", "'", "'s", ".", "/", "-", "\N{GRINNING FACE}", "</s>"]
GPT_2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"  # two line breaks are split
WHITESPACE = [" ", " ", "\n", "\n", "\r", "\t", "\x0b", "\x85", "\xa0", "\u2003", "\u3000"]


def with_pattern(pattern: str) -> dict[str, Any]:
    """The tokenizer's definition with another pattern."""
    definition: dict[str, Any] = json.loads(FILE.read_text())
    definition["pre_tokenizer"]["pretokenizers"][0]["pattern"]["Regex"] = pattern
    return definition


@pytest.fixture(scope="module", params=chunking.PATTERNS)
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(with_pattern(chunking.PATTERNS[request.param])))


@settings(max_examples=300, deadline=None)
@given(text=st.lists(st.sampled_from(ALPHABET + WHITESPACE), max_size=60).map("".join))
def test_pieces_have_the_tokens_of_the_whole(tokenizer: Tokenizer, text: str) -> None:
    data = text.encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunking, "PIECE_BYTES", 0)
        ends = list(cuts(np.frombuffer(data, dtype=np.uint8)))
    parts = [data[begin:end].decode() for begin, end in zip([0, *ends], ends, strict=False)]
    assert "".join(parts) == text
    for plain in (True, False):
        tokenizer.encode_special_tokens = plain
        ids = [id for part in parts for id in tokenizer.encode(part, add_special_tokens=False).ids]
        assert ids == tokenizer.encode(text, add_special_tokens=False).ids


def test_there_are_places_in_ordinary_text() -> None:
    text = np.frombuffer(b"some words\nand lines " * 500_000, dtype=np.uint8)
    assert np.diff([0, *cuts(text)]).max() < chunking.PIECE_BYTES + 20


def test_only_a_tokenizer_for_which_it_was_worked_out_may_be_cut() -> None:
    assert all(may_be_cut(with_pattern(pattern)) for pattern in chunking.PATTERNS.values())
    assert not may_be_cut(with_pattern(GPT_2))
    definition = json.loads(FILE.read_text())
    assert may_be_cut(definition)
    first, byte_level = definition["pre_tokenizer"]["pretokenizers"]
    token = definition["added_tokens"][0]
    others = [
        {"normalizer": {"type": "NFC"}},
        {"pre_tokenizer": byte_level},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [first | {"pattern": {"Regex": r"\s+"}}, byte_level]}},
        {"pre_tokenizer": {"type": "Sequence", "pretokenizers": [first, byte_level | {"add_prefix_space": True}]}},
        {"model": definition["model"] | {"type": "Unigram"}},
        {"added_tokens": [token | {"content": "two words"}]},
        {"added_tokens": [token | {"rstrip": True}]},
    ]
    assert not any(may_be_cut(definition | other) for other in others)
