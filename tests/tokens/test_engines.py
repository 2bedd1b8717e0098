"""gigatoken gives the ids of Hugging Face's tokenizers, leaves a text to it, or is not used; each where it must."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import gigatoken
import pytest
from tokenizers import Tokenizer, normalizers

from nano3.core.arrow import text_array
from nano3.raw.tokenizer_json import TokenizerJson
from nano3.tokens.chunking import PATTERNS
from nano3.tokens.engines import Exceptions, TokenizerLoadError, load_engine, load_reference
from nano3.tokens.fast_layouts import DEEPSEEK_3, QWEN_2, QWEN_35
from tests.tokens.layouts import SLOW, Definition, byte_level, edited, layouts, split, with_added

SETTINGS = {"bos_token": "<s>", "eos_token": "</s>", "special_tokens_in_text": "characters"}
NEIGHBOURS = "aA1( \n'/"
LAST_BYTES, FIRST_BYTES = range(0x80, 0xC0), range(0xC2, 0xF5)
PRE_TOKENIZERS: dict[str, Any] = {name: split(pattern) for name, pattern in PATTERNS.items()}
PRE_TOKENIZERS |= {"gpt2": None, "qwen2": split(QWEN_2), "qwen3.5": split(QWEN_35), "deepseek 3": split(*DEEPSEEK_3)}
# Within these all are alike: ideographs, Hangul, private use, unassigned planes. Some of each suffice.
ALIKE = [(0x3400, 0x4DC0), (0x4E00, 0xA000), (0xAC00, 0xD7A4), (0xE000, 0xF900), (0x17000, 0x187F0), (0x20000, 0x2A6C0)]
ALIKE += [(0x2A700, 0x2EBE0), (0x30000, 0x323A0), (0x33480, 0xE0000), (0xE1000, 0x110000)]
SAMPLED = [point for begin, end in ALIKE for point in range(begin, end, 97)]
POINTS = sorted(
    {*range(0x80, 0xD800), *range(0xE000, 0x110000)}.difference(*(range(begin, end) for begin, end in ALIKE))
    | {*SAMPLED}
)


def tokenizer_of(definition: Definition, folder: Path) -> TokenizerJson:
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(definition))
    return TokenizerJson.read(file)


@pytest.mark.parametrize("name", layouts())
def test_gigatoken_is_used_where_it_gives_the_same_ids(name: str, tmp_path: Path) -> None:
    tokenizer = tokenizer_of(layouts()[name], tmp_path)
    assert isinstance(load_engine(tokenizer, SETTINGS, "auto"), gigatoken.Tokenizer) == (name not in SLOW)
    assert isinstance(load_engine(tokenizer, SETTINGS, "tokenizers"), Tokenizer)


@pytest.mark.parametrize("name", SLOW)
def test_gigatoken_is_refused_by_name_where_it_does_not(name: str, tmp_path: Path) -> None:
    message = r"tokenizer\.json: .*gigatoken .*: set tokenizer\.engine to auto or tokenizers$"
    with pytest.raises(TokenizerLoadError, match=message):
        load_engine(tokenizer_of(layouts()[name], tmp_path), SETTINGS, "gigatoken")


def test_what_tokenizers_can_not_load_is_one_sentence(tmp_path: Path) -> None:
    odd = edited(layouts()["gpt2"], lambda it: it.update(normalizer={"type": "Unheard"}))
    for engine in ("auto", "tokenizers"):
        with pytest.raises(TokenizerLoadError, match=r"tokenizers can't load it .*: name another tokenizer"):
            load_engine(tokenizer_of(odd, tmp_path), SETTINGS, engine)


@pytest.mark.parametrize(
    ("layout", "text", "kind"),
    [
        ("gpt2", "plain é 日本 👩", None),
        ("gpt2", "spells </s> out", "doubtful"),
        ("gpt2, parsed", "spells </s> out", "exception"),
        ("gpt2", "a letter of Unicode 17: \U000323b0", "exception"),
        ("gpt2", "a mark: e\u0301", "doubtful"),
        ("qwen2", "a mark that is put in order: e\u0301", "exception"),
        ("qwen2", "a mark of Unicode 16: \U000113ce", "exception"),
        ("neox", "a run  of white space", None),
        ("control tokens of white space", "three\n\n\nlines", "doubtful"),
        ("5,000 control tokens", "the <|place 004999|> token", "doubtful"),
        ("control tokens around others", "</s>", "exception"),
        ("single words", "cat", "exception"),
        ("an end that is not special", "</s>", "exception"),
    ],
)
def test_kinds_of_texts(layout: str, text: str, kind: str | None, tmp_path: Path) -> None:
    name, parsed, _ = layout.partition(", parsed")
    settings = SETTINGS | ({"special_tokens_in_text": "parse"} if parsed else {})
    kinds = Exceptions(tokenizer_of(layouts()[name], tmp_path), settings).among(text_array(["x", text]))
    assert kinds.exceptions.tolist() == [False, kind == "exception"]
    assert kinds.doubtful.tolist() == [False, kind == "doubtful"]


@pytest.mark.parametrize(
    ("layout", "text", "count"),
    [
        ("gpt2", "none", 0),
        ("gpt2", "<s></s> <unk></s", 3),
        ("5,000 control tokens", "<|place 000001|><|place 00000|> <|place 004999|></s>", 3),
        ("an end that is not special", "<unk></s></s>", 2),
        ("odd control tokens", "[.*.*a-b~c #<\x00>", 5),
    ],
)
def test_control_tokens_are_counted(layout: str, text: str, count: int, tmp_path: Path) -> None:
    exceptions = Exceptions(tokenizer_of(layouts()[layout], tmp_path), SETTINGS)
    texts = text_array(["x", text])
    assert exceptions.control_tokens(texts, exceptions.among(texts)) == count


def test_more_control_tokens_than_a_regular_expression_holds(tmp_path: Path) -> None:
    tokens = [f"<{number:05d}>" for number in range(40_000)]
    exceptions = Exceptions(tokenizer_of(with_added(layouts()["gpt2"], *tokens, special=True), tmp_path), SETTINGS)
    texts = text_array(["<39999>", "nothing", "<s>", "<<"])
    kinds = exceptions.among(texts)
    assert kinds.doubtful.tolist()[:3] == [True, False, True]
    assert exceptions.control_tokens(texts, kinds) == 2


def revealing(pre_tokenizer: Any, normalizer: Any = None) -> Definition:
    """
    A tokenizer whose merges show every boundary: around a character that stands between NEIGHBOURS, and among those.
    """
    definition = byte_level(pre_tokenizer, normalizer)
    letters = {number: chr(number) for number in [*range(33, 127), *range(161, 173), *range(174, 256)]}
    letters |= {byte: chr(256 + at) for at, byte in enumerate(byte for byte in range(256) if byte not in letters)}
    near = [ord(character) for character in NEIGHBOURS]
    pairs = [(last, then) for last in LAST_BYTES for then in (*near, *FIRST_BYTES)]
    pairs += [(before, first) for before in near for first in (*FIRST_BYTES, *near)]
    merges = [[letters[first], letters[second]] for first, second in pairs]
    vocabulary = {token: at for at, token in enumerate(["<unk>", "<s>", "</s>", *letters.values()])}
    vocabulary |= {token: len(vocabulary) + at for at, token in enumerate("".join(merge) for merge in merges)}
    definition["model"] |= {"vocab": vocabulary, "merges": merges}
    return definition


def contexts(point: int) -> str:
    """A code point between all neighbours that patterns tell apart, and twice."""
    x = chr(point)
    return f"a{x}a A{x}a a{x}A 1{x}1 ({x}( {x}(a\n{x}\n a{x}{x}A aA{x}1'{x} {x}  {x}/ e\u0323\u0301{x} \u1100{x}\u11a8"


def differing(definition: Definition, points: Iterable[int], folder: Path) -> list[str]:
    """Code points that gigatoken and tokenizers encode differently and that are not left to tokenizers."""
    tokenizer = tokenizer_of(definition, folder)
    fast: Any = load_engine(tokenizer, SETTINGS, "gigatoken")
    reference, exceptions = load_reference(tokenizer, SETTINGS), Exceptions(tokenizer, SETTINGS)
    out, points = list[str](), list(points)
    for first in range(0, len(points), 20_000):
        some = points[first : first + 20_000]
        texts = [contexts(point) for point in some]
        ours = fast.encode_batch(texts).to_list()
        theirs = reference.encode_batch(texts, add_special_tokens=False)
        left = exceptions.among(text_array([chr(point) for point in some])).exceptions.tolist()
        out += [
            f"{point:X}"
            for point, ids, right, known in zip(some, ours, theirs, left, strict=True)
            if not known and ids != right.ids
        ]
    return out


@pytest.mark.parametrize("name", PRE_TOKENIZERS)
def test_characters_of_new_and_of_marked_blocks(name: str, tmp_path: Path) -> None:
    points = [*range(0x300, 0x370), *range(0x600, 0x1000), *range(0x1AB0, 0x1B00), *range(0x1DC0, 0x1E00)]
    points += [*range(0xA7C0, 0xA800), *range(0x10EC0, 0x10F00), *range(0x323A0, 0x323C0), *range(0x33470, 0x33480)]
    assert differing(revealing(PRE_TOKENIZERS[name]), points, tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "normalizer"), [*((name, None) for name in PRE_TOKENIZERS), ("gpt2", normalizers.NFC())]
)
def test_every_kind_of_character(name: str, normalizer: Any, tmp_path: Path) -> None:
    assert differing(revealing(PRE_TOKENIZERS[name], normalizer), POINTS, tmp_path) == []
