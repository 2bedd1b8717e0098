"""Layouts that gigatoken reads otherwise are known by name; to know them, no engine is imported."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nano3.raw.tokenizer_json import TokenizerJson
from nano3.tokens.fast_layouts import against_gigatoken
from tests.conftest import REPOSITORY
from tests.tokens.layouts import SLOW, Definition, layouts

SETTINGS = {"bos_token": "<s>", "eos_token": "</s>", "special_tokens_in_text": "characters"}


def written(definition: Definition, folder: Path) -> TokenizerJson:
    path = folder / "tokenizer.json"
    path.write_text(json.dumps(definition))
    return TokenizerJson.read(path)


@pytest.mark.parametrize("name", layouts())
def test_there_is_a_reason_against_each_layout_that_is_slow_and_no_other(name: str, tmp_path: Path) -> None:
    assert (against_gigatoken(written(layouts()[name], tmp_path), SETTINGS) is not None) == (name in SLOW)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("unigram", "no Unigram models"),
        ("a suffix of words", r"model\.end_of_word_suffix"),
        ("bytes without a pattern", "not among those that gigatoken reads as tokenizers does"),
        ("olmo", r"added token '\|\|\|IP_ADDRESS\|\|\|' in normalized text"),
        ("white space with flags", "flags of added token '  '"),
    ],
)
def test_the_reason_is_said(name: str, reason: str, tmp_path: Path) -> None:
    assert re.search(reason, against_gigatoken(written(layouts()[name], tmp_path), SETTINGS) or "")


def test_no_engine_is_imported() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(REPOSITORY / 'scripts')!r}); import nano3.tokens.fast_layouts; "
        "print({'gigatoken', 'tokenizers', 'pyarrow'} & sys.modules.keys())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
