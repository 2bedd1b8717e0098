"""Encoding starts before the reference has loaded; what is known without it is what the reference would say."""

import json
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from nano3.artifact.digest import digest_file
from nano3.config.load import load_recipe
from nano3.tokens import encoder as encoder_module
from nano3.tokens import engines
from nano3.tokens.encoder import EncodeError, Encoder
from nano3.tokens.reference_tokenizer import ReferenceTokenizer, ReferenceTokenizerError
from nano3.tokens.tokenize_shard import CheckedEncoder
from tests.tokens.layouts import layouts

TOKENIZER = Path("resources/tiny/tokenizer/tokenizer.json")
TEXTS = pa.array(["one", "two words"], type=pa.large_string())
FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def settings(file: Path, **changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = load_recipe("tiny")[1].token_settings()["tokenizer"]
    return values | {"sha256": digest_file(file)} | changes


def tokenizer_with(folder: Path, added: dict[str, int]) -> Path:
    """Recipe tiny's tokenizer with more added tokens."""
    definition = json.loads(TOKENIZER.read_text())
    definition["added_tokens"] += [{"id": number, "content": token} | FLAGS for token, number in added.items()]
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(definition))
    return path


def test_a_batch_is_encoded_before_the_reference_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    ask, encoded = ReferenceTokenizer._ask, threading.Event()

    def patient(self: ReferenceTokenizer, *question: Any) -> Any:
        assert encoded.wait(60)
        return ask(self, *question)

    monkeypatch.setattr(ReferenceTokenizer, "_ask", patient)
    with CheckedEncoder.load(TOKENIZER, settings(TOKENIZER), "gigatoken") as checked:
        ids, lengths = checked.encoder.encode(TEXTS)
        assert checked.reference
        check = checked.reference.check("one", ids[: lengths[0]].tolist())
        encoded.set()
        check.result()


@pytest.mark.parametrize("added", [{}, {"<|a|>": 4096, "<|b|>": 4097}])
@pytest.mark.parametrize("engine", ["gigatoken", "tokenizers"])
def test_what_is_known_without_the_reference_is_what_it_would_say(
    tmp_path: Path, added: dict[str, int], engine: str
) -> None:
    file = tokenizer_with(tmp_path, added)
    reference = Tokenizer.from_file(str(file))
    for token in ("</s>", *added):
        encoder = Encoder.load(file, settings(file, eos_token=token), engine)
        assert encoder.entries == reference.get_vocab_size() == 4096 + len(added)
        assert encoder.after == [reference.token_to_id(token)]
    with pytest.raises(EncodeError, match=r"has no token '<\|c\|>'"):
        Encoder.load(file, settings(file, eos_token="<|c|>"), engine)


@pytest.mark.parametrize("engine", ["gigatoken", "tokenizers"])
def test_an_end_that_a_text_can_spell_out_is_refused(engine: str) -> None:
    with pytest.raises(
        EncodeError, match=r"tokenizer\.eos_token: 'the' is no added token, so that a text can spell it"
    ):
        Encoder.load(TOKENIZER, settings(TOKENIZER, eos_token="the"), engine)
    parsed = settings(TOKENIZER, eos_token="the", special_tokens_in_text="parse")
    assert Encoder.load(TOKENIZER, parsed, engine).after == [2496]


def test_a_token_that_the_reference_numbers_otherwise_fails_every_check() -> None:
    message = r"token '</s>' is 5, tokenizers says 2: set tokenizer\.engine"
    with CheckedEncoder.load(TOKENIZER, settings(TOKENIZER), "gigatoken") as checked:
        assert checked.reference
        checked.reference.confirm("</s>", 5)
        for _ in range(2):
            with pytest.raises(ReferenceTokenizerError, match=message):
                checked.reference.check("one", [1]).result()


def test_nobody_checks_what_the_reference_itself_encodes() -> None:
    with CheckedEncoder.load(TOKENIZER, settings(TOKENIZER), "tokenizers") as checked:
        assert checked.reference is None
        assert not checked.encoder.is_fast


@pytest.mark.parametrize("engine", ["auto", "tokenizers"])
def test_an_end_that_merges_or_the_vocabulary_can_make_is_refused(tmp_path: Path, engine: str) -> None:
    definition = json.loads(json.dumps(layouts()["gemma"]))
    definition["model"]["ignore_merges"] = True
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(definition))
    with pytest.raises(EncodeError, match=r"eos_token: a text that spells out '</s>' becomes that token: name another"):
        Encoder.load(file, settings(file), engine)


def test_a_text_that_the_tokenizer_has_no_token_for_is_one_sentence(tmp_path: Path) -> None:
    definition = json.loads(json.dumps(layouts()["unigram"]))
    definition["model"]["unk_id"] = None
    file = tmp_path / "tokenizer.json"
    file.write_text(json.dumps(definition))
    encoder = Encoder.load(file, settings(file), "auto")
    with pytest.raises(
        EncodeError, match=r"tokenizers can't encode a text \(.*unk_id.*\): the tokenizer has no token for"
    ):
        encoder.encode(pa.array(["\U0001f600"], type=pa.large_string()))


TRICKY = ["plain", "spells </s> out", "", "\U000323b0(x", "e\u0301", "</s>", "日本", "last"]


@pytest.mark.parametrize("order", [TRICKY, TRICKY[::-1], TRICKY[:1], TRICKY[1:2], TRICKY[2:3], []])
def test_texts_that_are_left_to_the_reference_stay_in_their_places(order: list[str]) -> None:
    encoder, reference = (Encoder.load(TOKENIZER, settings(TOKENIZER), engine) for engine in ("auto", "tokenizers"))
    texts = pa.array(order, type=pa.large_string())
    assert encoder.is_fast
    assert [part.tolist() for part in encoder.encode(texts)] == [part.tolist() for part in reference.encode(texts)]


def test_the_reference_is_loaded_when_it_is_needed_first(monkeypatch: pytest.MonkeyPatch) -> None:
    loads, load = list[int](), engines.load_reference

    def counted(*arguments: Any) -> Any:
        loads.append(1)
        return load(*arguments)

    monkeypatch.setattr(encoder_module, "load_reference", counted)
    encoder = Encoder.load(TOKENIZER, settings(TOKENIZER), "auto")
    encoder.encode(TEXTS)
    assert loads == []
    for _ in range(2):
        encoder.encode(pa.array(["\U000323b0"], type=pa.large_string()))
    assert loads == [1]


@pytest.mark.parametrize("engine", ["gigatoken", "tokenizers"])
def test_a_long_text_is_left_to_the_reference_in_pieces(monkeypatch: pytest.MonkeyPatch, engine: str) -> None:
    texts = pa.array(
        ["a line of words \U000323b0\n" * 60, "\U000323b0", "", "another line\n" * 60], type=pa.large_string()
    )
    encoder = Encoder.load(TOKENIZER, settings(TOKENIZER), engine)
    whole = encoder.encode(texts)
    sizes, reference_batch = list[int](), encoder_module._reference_batch

    def measured(reference: Tokenizer, batch: list[str]) -> Any:
        sizes.extend(map(len, batch))
        return reference_batch(reference, batch)

    monkeypatch.setattr(encoder_module, "_reference_batch", measured)
    monkeypatch.setattr("nano3.tokens.encoder.PIECE_BYTES", 100)
    monkeypatch.setattr("nano3.tokens.chunking.PIECE_BYTES", 100)
    ids, lengths = encoder.encode(texts)
    assert ids.tolist() == whole[0].tolist()
    assert lengths.tolist() == whole[1].tolist()
    assert max(sizes) < 130
