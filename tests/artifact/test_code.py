import shutil
from pathlib import Path

import pytest

from nano3.artifact.code import SCRIPTS, digest_code
from nano3.artifact.digest import canonical_json, digest_json


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    copy = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def edited(scripts: Path, file: str, old: str, new: str) -> None:
    path = scripts / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def digest(verb: str, scripts: Path) -> str:
    digest_code.cache_clear()
    return digest_code(verb, scripts)


def test_comments_docstrings_and_layout_are_no_change(scripts: Path) -> None:
    before = digest("tokenize_shard", scripts)
    edited(
        scripts,
        "nano3/tokens/tokenize_shard.py",
        "TRAIN, VALID, TEST = 0, 1, 2",
        "# a thought\nTRAIN,  VALID, TEST = (0,\n 1, 2)",
    )
    edited(scripts, "nano3/raw/readers.py", "Documents of a raw shard", "Some documents of a raw shard")
    assert digest("tokenize_shard", scripts) == before


def test_meaning_is_a_change_however_far_away(scripts: Path) -> None:
    before = digest("tokenize_shard", scripts)
    edited(scripts, "nano3/tokens/indexed_dataset.py", "VERSION = 1", "VERSION = 2")
    assert digest("tokenize_shard", scripts) != before


def test_code_that_a_step_does_not_import_is_no_change(scripts: Path) -> None:
    before = digest("tokenize_shard", scripts)
    edited(scripts, "nano3/sampling/blend.py", "if shard.tokens > 0", "if shard.tokens > 1")
    assert digest("tokenize_shard", scripts) == before
    assert digest("write_blend", scripts) != digest("write_blend", SCRIPTS)


def test_tokenizing_does_not_depend_on_training_or_configuration() -> None:
    from nano3.artifact.code import _closure

    packages = {path.parent.name for path in _closure(SCRIPTS / "tokenize_shard.py", SCRIPTS)}
    assert packages == {"scripts", "nano3", "artifact", "core", "raw", "tokens"}


def test_swapped_values_are_another_value() -> None:
    assert digest_json({"a": 1, "b": 2}) != digest_json({"a": 2, "b": 1})
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})


def test_not_a_number_has_no_digest() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json({"loss": float("nan")})
