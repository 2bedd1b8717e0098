"""The same bytes are the same tokens, whatever their dataset is called: they are linked, and never wrongly."""

import inspect
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from nano3.artifact.steps import ShardReceipt, read_receipt
from nano3.corpus.freshness import shard_reason
from nano3.corpus.index_dataset import index_dataset
from nano3.corpus.twins import link_twin, tokenize_shard
from nano3.raw.datasets import read_pins, write_pins
from nano3.tokens import tokenize_shard as making
from tests.conftest import House
from tests.receipts import INDEX_KEY
from tests.tokens.test_tokenize_shard import TOKENIZER, key, tokenize

RAW = Path("resources/tiny/math/set-mm-02.jsonl.gz")


@pytest.fixture
def tokens(tmp_path: Path) -> Path:
    """The tokens of dataset `old`, with its index."""
    tokenize(RAW, tmp_path / "tokens/old", rows=None)
    shutil.copy("config/datasets/tiny-math.yaml", tmp_path / "old.yaml")
    (pin,) = [pin for pin in read_pins("tiny-math") if pin.path == str(RAW)]
    write_pins(tmp_path / "old.tsv", [pin])
    folder = tmp_path / "tokens/old"
    index_dataset(folder, tmp_path / "old.tsv", INDEX_KEY, folder / "index.json", folder / "valid", folder / "test")
    return tmp_path / "tokens"


def linked(tokens: Path, dataset: str = "new", shard: str = "set-mm-02", **changes: Any) -> bool:
    train, holdout = (tokens / dataset / kind / shard for kind in ("train", "holdout"))
    return link_twin(RAW, TOKENIZER, key(RAW, None, **changes), train, holdout, train.with_name(f"{shard}.json"))


def files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for kind in ("train", "holdout")
        for path in sorted((folder / kind).glob("*"))
        if path.suffix != ".json"
    }


def test_a_renamed_dataset_is_linked(tokens: Path) -> None:
    assert linked(tokens)
    assert files(tokens / "new") == files(tokens / "old") != {}
    old, new = (tokens / name / "train/set-mm-02.bin" for name in ("old", "new"))
    assert os.path.samefile(old, new), "no byte is there twice"
    assert shard_reason(tokens / "new", "set-mm-02", key(RAW, None)) is None


def test_its_receipt_is_the_twins_with_its_own_paths(tokens: Path) -> None:
    assert linked(tokens, shard="renamed-too")
    old, new = (
        read_receipt(str(tokens / name), ShardReceipt)
        for name in ("old/train/set-mm-02.json", "new/train/renamed-too.json")
    )
    assert (new.content, new.key, new.run) == (old.content, old.key, old.run)
    assert [output.sha256 for output in new.outputs] == [output.sha256 for output in old.outputs]
    assert [output.path for output in new.outputs] == [
        f"{tokens}/new/{kind}/renamed-too.{ending}" for kind in ("train", "holdout") for ending in ("bin", "idx")
    ]
    assert new.facts.linked_from == f"{tokens}/old/train/set-mm-02.json"
    assert old.facts.linked_from == ""


@pytest.mark.parametrize(
    "changes", [{"column": "id"}, {"code": "other"}, {"sha256": "0" * 64}, {"rows": 3}, {"on_bad_row": "skip"}]
)
def test_what_is_made_from_anything_else_is_no_twin(tokens: Path, changes: dict[str, Any]) -> None:
    train = tokens / "new/train/a"
    other = key(RAW, None, changes.pop("column", "text")) | changes
    assert not link_twin(RAW, TOKENIZER, other, train, tokens / "new/holdout/a", train.with_name("a.json"))  # type: ignore[arg-type]
    assert not (tokens / "new").exists()


@pytest.mark.parametrize("file", ["train/set-mm-02.bin", "holdout/set-mm-02.idx"])
def test_a_damaged_twin_is_left_alone(tokens: Path, file: str) -> None:
    path = tokens / "old" / file
    path.write_bytes(path.read_bytes()[:-1] + b"\xff")
    assert not linked(tokens)
    path.unlink()
    assert not linked(tokens)


def test_a_table_that_does_not_tell_the_truth_is_not_believed(tokens: Path) -> None:
    receipt = tokens / "old/train/set-mm-02.json"
    value = json.loads(receipt.read_text())
    receipt.write_text(json.dumps(value | {"key": value["key"] | {"text_column": "id"}}))
    assert not linked(tokens)
    receipt.write_text("{")
    assert not linked(tokens)


def test_a_twin_with_more_bad_rows_than_are_allowed_is_left_alone(tokens: Path) -> None:
    receipt = tokens / "old/train/set-mm-02.json"
    value = json.loads(receipt.read_text())
    receipt.write_text(json.dumps(value | {"facts": value["facts"] | {"rows": 100, "bad": [3, 4]}}))
    train, holdout = (tokens / "new" / kind / "a" for kind in ("train", "holdout"))
    ends = (RAW, TOKENIZER, key(RAW, None), train, holdout, train.with_name("a.json"))
    assert not link_twin(*ends)
    assert link_twin(*ends, bad_rows_at_most=0.02)


def test_a_file_system_without_links_gets_copies(tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Any) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr("nano3.corpus.twins.os.link", refuses)
    assert linked(tokens)
    assert files(tokens / "new") == files(tokens / "old")


def test_the_verb_links_or_makes_and_has_the_options_of_making(tokens: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert inspect.signature(tokenize_shard) == inspect.signature(making.tokenize_shard)
    made = []
    monkeypatch.setattr(making, "tokenize_shard", lambda **options: made.append(options["train"].name))
    for dataset, code in (("new", "c"), ("other", "d")):
        train, holdout = (tokens / dataset / kind / code for kind in ("train", "holdout"))
        options = {"train": train, "holdout": holdout, "receipt": train.with_name(f"{code}.json"), "threads": 1}
        tokenize_shard(raw=RAW, tokenizer=TOKENIZER, key=key(RAW, None, code=code), **options)
    assert made == ["d"]


@pytest.mark.slow
def test_the_workflow_links_the_tokens_of_a_renamed_dataset(house: House) -> None:
    for ending in ("yaml", "tsv"):
        (house.root / f"config/datasets/tiny-math.{ending}").rename(house.root / f"config/datasets/own-math.{ending}")
    recipe = house.root / "config/recipes/tiny.yaml"
    recipe.write_text(recipe.read_text().replace("tiny-math:", "own-math:"))
    (old,) = house.root.glob("results/tokens/tiny-*/tiny-math")
    new = old.with_name("own-math")
    ran = house.ran(str((new / "index.json").relative_to(house.root)))
    assert ran == {"tokenize_shard": 3, "index_dataset": 1}
    shards = [path.name for path in (old / "train").glob("*.bin")]
    assert len(shards) == 3
    assert all(os.path.samefile(old / "train" / name, new / "train" / name) for name in shards)
    contents = [json.loads((folder / "index.json").read_text())["content"] for folder in (old, new)]
    assert contents[0] == contents[1]
