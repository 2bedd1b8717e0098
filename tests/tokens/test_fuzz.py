"""
Random texts of odd characters become the ids of Hugging Face's tokenizers, whatever the tokenizer.json.

Seeds are numbers: a failure names its layout, mode and text. Texts that once differed are in DIFFERED and stay.
"""

import json
import random
import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from nano3.artifact.digest import digest_file
from nano3.core.arrow import text_array
from nano3.tokens.encoder import Encoder
from tests.tokens.layouts import SLOW, Definition, layouts

MODES = ("characters", "parse")
FEW, MANY = 60, 1200  # texts of each layout and mode
MARKS = [chr(point) for point in range(0x300, 0x20000) if unicodedata.category(chr(point)).startswith("M")]
NEW_BLOCKS = [
    *((0x0897, 0x0898), (0x1ACF, 0x1AF0), (0x1C89, 0x1C8B), (0x10940, 0x1095A), (0x10D40, 0x10D90), (0x11380, 0x113E3)),
    *((0x11DB0, 0x11DDA), (0x16100, 0x1613A), (0x16D40, 0x16D7A), (0x16EA0, 0x16ED9), (0x1CC00, 0x1CD00)),
    *((0x1E5D0, 0x1E600), (0x1E6C0, 0x1E6F6), (0x1FA89, 0x1FA90), (0x31350, 0x313B0), (0x323B0, 0x3347A)),
]
NEW = [chr(point) for begin, end in NEW_BLOCKS for point in range(begin, end)]
ORDINARY = [(32, 127), (0x80, 0x250), (0x370, 0x2000), (0x2000, 0xD800), (0xE000, 0x30000)]
WORDS = (  # noqa: SIM905
    "the cat sat def return import naïve café 日本語の文章 русский 12345 3.14 (x+y) </s> <s> <unk> Übergröße ½ ٣٤ "
    "don't I'LL we've || ... ,.; !? _ __init__ a-b~c # \u200b \u2028 \ufeff \u3000 \xa0 👩\u200d👩\u200d👧 ﬁ A\u030a Å "
    "ǆ İ ı ſ ß K Ω s\u0323\u0307 s\u0307\u0323 한국어 각 가\u11a8 हिन्दी عربي ไทย עִבְרִית ▁ ▁▁ Ġ <0x0A>"
).split(" ")
DIFFERED = [
    *(
        "\U00032e28(x",
        "\U000330b1\u0639",
        "\u08dc\u089b",
        "\u1ac9\U00011c3f",
        "worde",
        " 7cat",
        "<|a|>",
        "catch",
        "K\u0301",
    ),
    *(
        "e\u0301a",
        "ends with </s>",
        "</s>",
        "<s> </s>\n",
        " \xa0c",
        "\n\n?",
        ".e",
        "<r>  x",
        "x  <l>",
        "\n\n\n",
        "\t\t",
    ),
    *("\u113c2", "\U000113c2\U000113b8", "\U0001611e\U0001611e", "\U00016d67\U00016d67", "", " ", "\x00", "\ufeffx"),
]


def random_text(source: random.Random, added: Sequence[str]) -> str:
    """A few pieces of every kind, with and without white space between them."""
    parts = []
    for _ in range(source.choice([1, 2, 3, 8, 30])):
        kinds = [
            source.choice(WORDS),
            source.choice(WORDS),
            chr(source.randrange(*source.choice(ORDINARY))),
            source.choice("aeo가각") + "".join(source.choices(MARKS, k=source.randrange(1, 4))),
            source.choice(NEW),
            source.choice(added) if added else "",
            source.choice(" \n\t\r") * source.randrange(1, 30),
            "".join(source.choices("abcdefghij ,.'\n0123456789", k=source.randrange(1, 20))),
        ]
        parts += [source.choice(kinds), source.choice(["", " ", " ", "\n"])]
    return "".join(parts)


def right_ids(definition: Definition, mode: str, texts: Sequence[str]) -> list[list[int]]:
    """By Hugging Face's tokenizers, without truncation and padding; an end of a document is a control token."""
    added = [
        token | {"special": token["special"] or token["content"] in ("<s>", "</s>")}
        for token in definition["added_tokens"]
    ]
    reference = Tokenizer.from_str(json.dumps(definition | {"added_tokens": added}))
    reference.no_truncation()
    reference.no_padding()
    reference.encode_special_tokens = mode == "characters"
    return [encoding.ids for encoding in reference.encode_batch(texts, add_special_tokens=False)]


def encoder_of(definition: Definition, mode: str, folder: Path, **changes: Any) -> Encoder:
    """Our encoder of a layout, as the pipeline loads it."""
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(definition))
    settings: dict[str, Any] = {"sha256": digest_file(file), "special_tokens_in_text": mode, "max_doc_tokens": None}
    settings |= {"bos_token": "<s>", "eos_token": "</s>", "add_bos": False, "add_eos": True}
    return Encoder.load(file, settings | changes, "auto")


def compare(name: str, mode: str, texts: list[str], folder: Path) -> None:
    definition = layouts()[name]
    encoder = encoder_of(definition, mode, folder)
    assert encoder.is_fast == (name not in SLOW)
    ids, lengths = encoder.encode(text_array(texts))
    end = 0
    for text, length, expected in zip(texts, lengths.tolist(), right_ids(definition, mode, texts), strict=True):
        assert ids[end : end + length].tolist() == expected, f"{name}, {mode}: {text!a}"
        end += length


def texts_of(name: str, seed: str, count: int) -> list[str]:
    added = [token["content"] for token in layouts()[name]["added_tokens"]][:300]
    source = random.Random(seed)
    return [random_text(source, added) for _ in range(count)]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", layouts())
def test_a_few_random_texts(name: str, mode: str, tmp_path: Path) -> None:
    compare(name, mode, DIFFERED + texts_of(name, f"few {name} {mode}", FEW), tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", layouts())
def test_many_random_texts(name: str, mode: str, tmp_path: Path) -> None:
    compare(name, mode, texts_of(name, f"many {name} {mode}", MANY), tmp_path)
