"""What a plan says of its data beside the states of artifacts."""

import json
from pathlib import Path

import pytest

from nano3.plan.plan import as_json
from nano3.plan.text import as_text, sentences
from tests.plan.conftest import edit, pin_again, plan

MATH = Path("resources/tiny/math")


def text(**given: object) -> str:
    return " ".join(as_text(plan(**given), colour=False).split())  # type: ignore[arg-type]


def test_a_raw_file_that_is_gone_and_needed_is_told_with_the_remedy(bare: Path) -> None:
    (MATH / "set-mm-01.jsonl.gz").unlink()
    said = (
        "snakemake will stop before any job: tiny-math: 1 raw file is gone and to be tokenized, e.g. "
        f"{MATH}/set-mm-01.jsonl.gz: restore it, or pin the dataset as it is now with `nano3 pin tiny-math`"
    )
    assert said in text()
    (MATH / "set-mm-00.jsonl.gz").unlink()
    assert "tiny-math: 2 raw files are gone and to be tokenized" in text()
    files = [str(MATH / f"set-mm-0{number}.jsonl.gz") for number in (0, 1)]
    assert as_json(plan(), sentences(plan()))["gone"] == {"tiny-math": {"count": 2, "first": files}}
    assert plan("tiny-code").gone == {}


def test_a_folder_that_is_gone_is_all_its_files(bare: Path) -> None:
    edit(Path("config/datasets/tiny-math.yaml"), "source: resources/tiny/math", "source: resources/tiny/moved")
    MATH.rename("resources/tiny/moved")
    assert len(plan().gone["tiny-math"]) == 3, "the pins still name the old folder"


def test_a_raw_file_that_nothing_needs_may_be_gone(house: Path) -> None:
    (MATH / "set-mm-01.jsonl.gz").unlink()
    assert plan().gone == {}
    pin_again("tiny-math", "set-mm-00")
    assert plan().gone == {}, "only the other shard is made again"


def test_the_slow_engine_is_told_where_tokens_will_be_made(bare: Path) -> None:
    assert plan().slow_engine is None
    assert "slow" not in text()
    asked = plan(what_if={"tokenizer.engine": "tokenizers"})
    assert asked.slow_engine == "the recipe says tokenizer.engine: tokenizers"
    assert as_json(asked, sentences(asked))["slow_engine"] == asked.slow_engine


def test_why_gigatoken_can_not_encode_is_told(bare: Path) -> None:
    file = Path("resources/tiny/tokenizer/tokenizer.json")
    definition = json.loads((bare / file).read_text())
    definition["pre_tokenizer"] = {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False}
    own = Path("own/tokenizer.json")
    own.parent.mkdir()
    own.write_text(json.dumps(definition))
    said = text(what_if={"tokenizer.path": "own"})
    assert (
        "Hugging Face's tokenizers will encode, about 30 times as slow as gigatoken: its normalizer and pre_tokenizer "
        "are not among those that gigatoken reads as tokenizers does." in said
    )


def test_an_engine_that_has_nothing_to_do_is_not_told(house: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nano3.plan.remarks.slow_engine", lambda _: pytest.fail("nobody asks"))
    assert plan().slow_engine is None
