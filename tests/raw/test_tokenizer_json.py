"""A tokenizer.json is read once for all, and refused where it would not give a text its one right tokens."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer

from nano3.raw.tokenizer_json import TokenizerJson, TokenizerJsonError

TINY = Path("resources/tiny/tokenizer/tokenizer.json")
FLAGS = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False) | {"special": True}
Definition = dict[str, Any]


def changed(folder: Path, edit: Callable[[Definition], Any]) -> Path:
    """Recipe tiny's tokenizer, edited."""
    definition = json.loads(TINY.read_text())
    edit(definition)
    file = folder / "tokenizer.json"
    file.write_text(json.dumps(definition))
    return file


def adding(*tokens: tuple[str, int]) -> Callable[[Definition], Any]:
    return lambda it: it["added_tokens"].extend(
        {"id": number, "content": content} | FLAGS for content, number in tokens
    )


def moved(definition: Definition) -> None:
    """The end of a document is far from all other ids."""
    definition["model"]["vocab"]["</s>"] = 70_000
    next(token for token in definition["added_tokens"] if token["content"] == "</s>")["id"] = 70_000


@pytest.mark.parametrize(
    "edit",
    [
        lambda it: None,
        adding(("<a>", 4096), ("<b>", 4097)),
        adding(("<a>", 4096), ("", 4097), ("<b>", 4097)),
        adding(("the", 2496)),
        moved,
        lambda it: [edit(it) for edit in (moved, adding(("<a>", 4096), ("the", 2496), ("<b>", 4097)))],
    ],
)
def test_ids_are_those_of_tokenizers_with_holes_and_added_tokens(
    tmp_path: Path, edit: Callable[[Definition], Any]
) -> None:
    file = changed(tmp_path, edit)
    tokenizer, right = TokenizerJson.read(file), Tokenizer.from_file(str(file)).get_vocab()
    assert tokenizer.ids == right
    assert tokenizer.entries == max(right.values()) + 1


@pytest.mark.parametrize("tokens", [[("<a>", 5000)], [("<a>", 4097), ("<b>", 4096)], [("the", 4096)]])
def test_an_id_that_tokenizers_would_not_give_is_refused(tmp_path: Path, tokens: list[tuple[str, int]]) -> None:
    file = changed(tmp_path, adding(*tokens))
    content, number = tokens[0]
    given = Tokenizer.from_file(str(file)).token_to_id(content)
    message = (
        rf"added_tokens: '{content}' has id {number}, but Hugging Face's tokenizers gives it {given}: write {given}"
    )
    with pytest.raises(TokenizerJsonError, match=message):
        TokenizerJson.read(file)


def test_an_id_of_two_tokens_is_refused(tmp_path: Path) -> None:
    file = changed(tmp_path, lambda it: it["model"]["vocab"].update({"the": 2495}))
    with pytest.raises(TokenizerJsonError, match=r"id 2495 is both .* and .*: name a tokenizer with unique ids"):
        TokenizerJson.read(file)


def test_dropout_is_refused_and_none_is_not(tmp_path: Path) -> None:
    def with_dropout(share: float | None) -> Path:
        return changed(tmp_path, lambda it: it["model"].update(dropout=share))

    for harmless in (None, 0, 0.0):
        TokenizerJson.read(with_dropout(harmless))
    with pytest.raises(TokenizerJsonError, match=r"model\.dropout is 0\.1, so .*: set it to null in a copy"):
        TokenizerJson.read(with_dropout(0.1))


def test_a_tokenizer_that_loses_characters_is_refused(tmp_path: Path) -> None:
    file = changed(tmp_path, lambda it: it.update(pre_tokenizer={"type": "Whitespace"}))
    assert Tokenizer.from_file(str(file)).encode("日本", add_special_tokens=False).ids == []
    with pytest.raises(
        TokenizerJsonError, match=r"not in its vocabulary would vanish, because the model has no unk_token"
    ):
        TokenizerJson.read(file)
    known = changed(
        tmp_path, lambda it: (it.update(pre_tokenizer={"type": "Whitespace"}), it["model"].update(unk_token="<unk>"))
    )
    TokenizerJson.read(known)


@pytest.mark.parametrize(
    ("model", "kind", "ids"),
    [
        ({"vocab": [["<unk>", 0.0], ["a", -1.5]], "unk_id": 0}, "Unigram", {"<unk>": 0, "a": 1}),
        ({"vocab": {"a": 3}, "merges": [], "unk_token": "a"}, "BPE", {"a": 3}),
        ({"vocab": {"a": 0}, "unk_token": "a"}, "WordPiece", {"a": 0}),
        ({"type": "WordLevel", "vocab": {"a": 0}, "unk_token": "a"}, "WordLevel", {"a": 0}),
    ],
)
def test_a_file_that_does_not_say_its_kind_of_model(
    tmp_path: Path, model: dict[str, Any], kind: str, ids: dict[str, int]
) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps({"model": model, "added_tokens": None}))
    tokenizer = TokenizerJson.read(file)
    assert (tokenizer.kind, tokenizer.ids) == (kind, ids)


def test_a_byte_without_a_token_would_vanish(tmp_path: Path) -> None:
    file = changed(tmp_path, lambda it: it["model"]["vocab"].pop("\u010a"))  # a line break
    with pytest.raises(
        TokenizerJsonError, match=r"bytes that are not in its vocabulary \(0x0A, 1 in all\) would vanish"
    ):
        TokenizerJson.read(file)


def test_an_added_token_that_is_there_twice_has_its_first_id(tmp_path: Path) -> None:
    file = changed(tmp_path, adding(("<x>", 4096), ("<x>", 4097), ("<y>", 4097)))
    assert TokenizerJson.read(file).ids == Tokenizer.from_file(str(file)).get_vocab()


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("ascii_alone", [True, False])
@pytest.mark.parametrize("as_words", [True, False])
@pytest.mark.parametrize(
    ("twice", "merges"),
    [
        (False, [["a", "b"], ["Ġ", "t"], ["],", "["], ["]", ",["], ['"', ","]]),
        (True, [["a", "b"], ["Ġ", "t"], ["a", "b"]]),
        (True, [["Ġ", "t"], ["b", "c"], ["],", "["], ["],", "["], ["x", "y"]]),
        (False, [["a", "b"]]),
        (False, []),
    ],
)
def test_a_merge_that_is_there_twice_is_seen(
    tmp_path: Path, twice: bool, merges: list[list[str]], as_words: bool, ascii_alone: bool, indent: int | None
) -> None:
    definition = json.loads(TINY.read_text())
    definition["model"]["merges"] = [" ".join(merge) for merge in merges] if as_words else merges
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(definition, ensure_ascii=ascii_alone, indent=indent))
    assert TokenizerJson.read(file).has_merges_twice == twice


@pytest.mark.parametrize(
    ("normalizer", "flat"),
    [
        ({"type": "Sequence", "normalizers": []}, None),
        (
            {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": [{"type": "NFC"}]}]},
            {"type": "NFC"},
        ),
        ({"type": "NFD"}, {"type": "NFD"}),
    ],
)
def test_sequences_of_normalizers_are_what_they_do(tmp_path: Path, normalizer: Any, flat: Any) -> None:
    file = changed(tmp_path, lambda it: it.update(normalizer=normalizer))
    assert TokenizerJson.read(file).definition["normalizer"] == flat


def test_truncation_and_padding_are_of_no_corpus(tmp_path: Path) -> None:
    truncation = {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0}
    file = changed(tmp_path, lambda it: it.update(truncation=truncation, padding={"strategy": {"Fixed": 64}}))
    definition = TokenizerJson.read(file).for_engines([])
    assert (definition["truncation"], definition["padding"]) == (None, None)


def test_the_end_of_a_document_is_a_control_token_whatever_the_file_says(tmp_path: Path) -> None:
    file = changed(tmp_path, lambda it: [token.update(special=False) for token in it["added_tokens"]])
    tokenizer = TokenizerJson.read(file)
    assert tokenizer.control_tokens([]) == []
    assert tokenizer.control_tokens(["</s>", "the"]) == ["</s>"]
    special = {token["content"] for token in tokenizer.for_engines(["</s>"])["added_tokens"] if token["special"]}
    assert special == {"</s>"}


@pytest.mark.parametrize(
    "text",
    [
        '{"model": {"vocab": {"a": 0}, "unk_token": "a"}, "added_tokens": [{"id": 0, "content": "a"}]}',
        '{"model": {"vocab": {"a": 0}, "unk_token": "a"}, "normalizer": {"kind": "NFC"}}',
        '{"model": {"vocab": {"a": "0"}, "unk_token": "a"}}',
        *("", "{", "[]", "null", "{}", '{"model": 3}', '{"model": {"vocab": 3}}', '{"model": {"type": "BPE"}}', "\xff"),
    ],
)
def test_another_file_is_one_sentence(tmp_path: Path, text: str) -> None:
    file = tmp_path / "tokenizer.json"
    file.write_bytes(text.encode("latin-1"))
    with pytest.raises(
        TokenizerJsonError, match=r"tokenizer\.json: not a tokenizer\.json of Hugging Face's tokenizers"
    ):
        TokenizerJson.read(file)
