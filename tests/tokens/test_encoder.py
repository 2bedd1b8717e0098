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
from nano3.tokens.encoder import EncodeError, Encoder
from nano3.tokens.reference_tokenizer import ReferenceTokenizer, ReferenceTokenizerError
from nano3.tokens.tokenize_shard import CheckedEncoder

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
    for token in ("</s>", "the", *added):
        encoder = Encoder.load(file, settings(file, eos_token=token), engine)
        assert encoder.vocabulary == reference.get_vocab_size() == 4096 + len(added)
        assert encoder.after == [reference.token_to_id(token)]
    with pytest.raises(EncodeError, match=r"has no token '<\|c\|>'"):
        Encoder.load(file, settings(file, eos_token="<|c|>"), engine)


def test_a_token_that_the_reference_numbers_otherwise_fails_every_check(tmp_path: Path) -> None:
    file = tokenizer_with(tmp_path, {"<|a|>": 5000})
    assert Tokenizer.from_file(str(file)).token_to_id("<|a|>") == 4096
    message = r"token '<\|a\|>' is 5000, tokenizers says 4096: set tokenizer\.engine"
    with CheckedEncoder.load(file, settings(file, eos_token="<|a|>"), "gigatoken") as checked:
        for _ in range(2):
            with pytest.raises(ReferenceTokenizerError, match=message):
                checked.reference.check("one", [1]).result()
