"""Own data gets a tokenizer that both engines encode alike, and the same data the same one."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import AutoTokenizer

from nano3.raw.tokenizer_json import TokenizerJson
from nano3.start.folder import StartError
from nano3.start.train_tokenizer import BOS, EOS, FEWEST, PAD, train_tokenizer
from nano3.tokens.chunking import may_be_cut
from nano3.tokens.fast_layouts import against_gigatoken
from tests.conftest import REPOSITORY
from tests.start.data import text

TEXTS = [text(number) for number in range(200)]
SETTINGS = {"bos_token": BOS, "eos_token": EOS, "special_tokens_in_text": "characters"}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, content in train_tokenizer(TEXTS, 300).files.items():
        (tmp_path / name).write_bytes(content)
    return tmp_path


def test_the_fast_engine_encodes_it_and_long_documents_may_be_cut(folder: Path) -> None:
    tokenizer = TokenizerJson.read(folder / "tokenizer.json")
    assert against_gigatoken(tokenizer, SETTINGS) is None
    assert may_be_cut(tokenizer.definition)
    assert [tokenizer.ids[token] for token in (BOS, EOS, PAD)] == [0, 1, 2]


def test_transformers_knows_its_tokens_and_gives_back_any_text(folder: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.bos_token, tokenizer.eos_token, tokenizer.pad_token) == (BOS, EOS, PAD)
    unseen = "Größe, 中文, \U0001f600 and\r\n\ttabs  "
    assert tokenizer.decode(tokenizer.encode(unseen, add_special_tokens=False)) == unseen


def test_the_same_texts_give_the_same_file_in_another_process() -> None:
    code = (
        "import hashlib; from tests.start.test_train_tokenizer import TEXTS;"
        "from nano3.start.train_tokenizer import train_tokenizer;"
        "print(hashlib.sha256(train_tokenizer(TEXTS, 300).files['tokenizer.json']).hexdigest())"
    )
    path = {"PYTHONPATH": f"{REPOSITORY}/scripts:{REPOSITORY}", "PYTHONHASHSEED": "7"}
    done = subprocess.run([sys.executable, "-c", code], env=path, capture_output=True, text=True, check=True)
    here = train_tokenizer(TEXTS, 300).files["tokenizer.json"]
    assert done.stdout.strip() == hashlib.sha256(here).hexdigest()


def test_few_data_make_fewer_entries_which_is_told() -> None:
    trained = train_tokenizer(["ab ab", "ab"], 32_000)
    assert FEWEST <= trained.entries < 300
    assert len(json.loads(trained.files["tokenizer.json"])["model"]["vocab"]) == trained.entries


@pytest.mark.parametrize("entries", [0, 259, 2**20 + 1])
def test_an_impossible_number_of_entries_is_one_sentence(entries: int) -> None:
    with pytest.raises(StartError, match=rf"^--train-tokenizer {entries}: must be from 260, .* 32000 suits most data$"):
        train_tokenizer(TEXTS, entries)
