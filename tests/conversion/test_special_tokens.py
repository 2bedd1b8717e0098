"""An export names the recipe's control tokens, whatever its tokenizer says."""

import json
from pathlib import Path
from typing import Any

import pytest
from transformers import AutoTokenizer

from nano3.conversion.special_tokens import (
    SpecialToken,
    SpecialTokenError,
    SpecialTokens,
    settle,
    special_tokens,
)
from nano3.raw.tokenizer_json import TokenizerJson
from tests.conversion.tokenizers import IDS, RECIPE, write_tokenizer

BOS, EOS, PAD = (SpecialToken(token, IDS[token]) for token in ("<|begin|>", "<|end|>", "[PAD]"))
SAYS = {"bos_token": BOS.token, "eos_token": EOS.token}


def settled(folder: Path) -> tuple[Any, dict[str, Any]]:
    """What transformers reads of a settled folder, and the changes that were told."""
    changes = settle(folder, special_tokens(folder, RECIPE))
    return AutoTokenizer.from_pretrained(folder), changes


def test_a_tokenizer_that_says_nothing_gets_the_recipes_tokens_and_no_pad(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path)
    assert special_tokens(folder, RECIPE) == SpecialTokens(BOS, EOS, None)
    tokenizer, changes = settled(folder)
    assert (tokenizer.bos_token, tokenizer.bos_token_id) == ("<|begin|>", 11)
    assert (tokenizer.eos_token, tokenizer.eos_token_id) == ("<|end|>", 13)
    assert (tokenizer.pad_token, tokenizer.pad_token_id) == (None, None)
    assert tokenizer("w3 <|end|> w4")["input_ids"] == [3, 13, 4]
    assert changes == {}
    assert not (folder / "special_tokens_map.json").exists()


@pytest.mark.parametrize("file", ["tokenizer_config", "special_tokens_map"])
@pytest.mark.parametrize("pad", ["[PAD]", {"content": "[PAD]", "lstrip": False, "__type": "AddedToken"}])
def test_the_tokenizers_own_pad_stays(tmp_path: Path, file: str, pad: object) -> None:
    folder = write_tokenizer(tmp_path, **{file: {"pad_token": pad}})
    assert special_tokens(folder, RECIPE).pad == PAD
    tokenizer, changes = settled(folder)
    assert (tokenizer.pad_token, tokenizer.pad_token_id, tokenizer.eos_token_id) == ("[PAD]", 5, 13)
    assert changes == {}


@pytest.mark.parametrize("file", ["tokenizer_config", "special_tokens_map"])
@pytest.mark.parametrize("name", ["pad_token", "mask_token", "unk_token"])
def test_a_token_that_the_vocabulary_lacks_is_taken_out_and_told(tmp_path: Path, file: str, name: str) -> None:
    folder = write_tokenizer(tmp_path, **{file: {name: "<nowhere>"}})
    assert special_tokens(folder, RECIPE).pad is None
    tokenizer, changes = settled(folder)
    assert changes == {f"{file}.json": {name: {"was": "<nowhere>", "is": None}}}
    assert tokenizer.pad_token_id is None
    assert tokenizer.get_vocab() == TokenizerJson.read(folder / "tokenizer.json").ids


def test_extra_tokens_that_the_vocabulary_lacks_are_taken_out_and_told(tmp_path: Path) -> None:
    extra = ["<|turn|>", "<nowhere>"]
    folder = write_tokenizer(tmp_path, tokenizer_config={"additional_special_tokens": extra})
    tokenizer, changes = settled(folder)
    assert changes["tokenizer_config.json"] == {"additional_special_tokens": {"was": extra, "is": ["<|turn|>"]}}
    assert tokenizer.get_vocab() == TokenizerJson.read(folder / "tokenizer.json").ids


def test_the_recipe_wins_over_a_tokenizer_that_says_otherwise_and_that_is_told(tmp_path: Path) -> None:
    other = {"bos_token": "<|turn|>", "eos_token": {"content": "<|turn|>", "__type": "AddedToken"}}
    folder = write_tokenizer(tmp_path, tokenizer_config=other | {"model_max_length": 99}, special_tokens_map=other)
    tokenizer, changes = settled(folder)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.model_max_length) == (11, 13, 99)
    assert changes.keys() == {"tokenizer_config.json", "special_tokens_map.json"}
    for change in changes.values():
        assert change == {
            "bos_token": {"was": other["bos_token"], "is": "<|begin|>"},
            "eos_token": {"was": other["eos_token"], "is": "<|end|>"},
        }
    assert {name: json.loads((folder / "special_tokens_map.json").read_text())[name] for name in SAYS} == SAYS


def test_what_agrees_stays_byte_for_byte(tmp_path: Path) -> None:
    given = {"eos_token": {"content": "<|end|>", "special": True}, "bos_token": "<|begin|>", "chat_template": "x"}
    folder = write_tokenizer(tmp_path, tokenizer_config=given, special_tokens_map=SAYS)
    before = {path: path.read_bytes() for path in folder.iterdir()}
    assert settled(folder)[1] == {}
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_what_is_not_said_is_completed_and_no_change(tmp_path: Path) -> None:
    folder = write_tokenizer(tmp_path, tokenizer_config={"eos_token": None}, special_tokens_map={})
    tokenizer, changes = settled(folder)
    assert (tokenizer.bos_token_id, tokenizer.eos_token_id, changes) == (11, 13, {})
    assert json.loads((folder / "special_tokens_map.json").read_text()) == SAYS


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("tokenizer_config.json", "{", r"tokenizer_config\.json: not JSON"),
        ("special_tokens_map.json", "[]", r"special_tokens_map\.json: must hold keys and values, not list"),
    ],
)
def test_a_file_that_is_something_else_is_named(tmp_path: Path, name: str, text: str, said: str) -> None:
    (write_tokenizer(tmp_path) / name).write_text(text)
    with pytest.raises(SpecialTokenError, match=said):
        special_tokens(tmp_path, RECIPE)


def test_a_token_that_the_tokenizer_lacks_is_named(tmp_path: Path) -> None:
    with pytest.raises(SpecialTokenError, match=r"has no token '</s>': correct tokenizer\.eos_token in the recipe"):
        special_tokens(write_tokenizer(tmp_path), RECIPE | {"eos": "</s>"})
