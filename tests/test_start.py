"""Encoding starts before the reference has loaded; what is known without it is what the reference would say."""

import json
import threading
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from tokenizers import Tokenizer

from nano3.digest import digest_file
from nano3.encode import EncodeError, Encoder
from nano3.oracle import Oracle, OracleError
from nano3.resolve import load_recipe

TOKENIZER = Path("resources/tiny/tokenizer/tokenizer.json")
TEXTS = pa.array(["one", "two words"], type=pa.large_string())
FLAGS = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}


def settings(file: Path, **changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = load_recipe("tiny")[1].token_settings()["tokenizer"]
    return found | {"sha256": digest_file(file)} | changed


def tokenizer_with(folder: Path, added: dict[str, int]) -> Path:
    """Recipe tiny's tokenizer with more added tokens."""
    definition = json.loads(TOKENIZER.read_text())
    definition["added_tokens"] += [{"id": number, "content": token} | FLAGS for token, number in added.items()]
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(definition))
    return path


def test_a_batch_is_encoded_before_the_reference_can_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    ask, encoded = Oracle._ask, threading.Event()

    def patient(self: Oracle, *question: Any) -> Any:
        assert encoded.wait(60)
        return ask(self, *question)

    monkeypatch.setattr(Oracle, "_ask", patient)
    with Encoder.load(TOKENIZER, settings(TOKENIZER), "gigatoken") as encoder:
        ids, lengths = encoder.encode(TEXTS)
        check = encoder.oracle.check("one", ids[: lengths[0]].tolist())
        encoded.set()
        check.result()


@pytest.mark.parametrize("added", [{}, {"<|a|>": 4096, "<|b|>": 4097}])
@pytest.mark.parametrize("engine", ["gigatoken", "tokenizers"])
def test_what_is_known_without_the_reference_is_what_it_would_say(
    tmp_path: Path, added: dict[str, int], engine: str
) -> None:
    file = tokenizer_with(tmp_path, added)
    reference = Tokenizer.from_file(str(file))
    for token in ("</s>", "the", *added):
        with Encoder.load(file, settings(file, eos_token=token), engine) as encoder:
            assert encoder.vocabulary == reference.get_vocab_size() == 4096 + len(added)
            assert encoder.after == [reference.token_to_id(token)]
            ids = reference.encode("one", add_special_tokens=False).ids
            encoder.oracle.check("one", ids).result()
    with (
        pytest.raises(EncodeError, match=r"has no token '<\|c\|>'"),
        Encoder.load(file, settings(file, eos_token="<|c|>"), engine),
    ):
        pass


def test_a_token_that_the_reference_numbers_otherwise_fails_every_check(tmp_path: Path) -> None:
    file = tokenizer_with(tmp_path, {"<|a|>": 5000})
    assert Tokenizer.from_file(str(file)).token_to_id("<|a|>") == 4096
    with Encoder.load(file, settings(file, eos_token="<|a|>"), "gigatoken") as encoder:
        for _ in range(2):
            with pytest.raises(
                OracleError, match=r"token '<\|a\|>' is 5000, tokenizers says 4096: set tokenizer\.engine"
            ):
                encoder.oracle.check("one", [1]).result()
