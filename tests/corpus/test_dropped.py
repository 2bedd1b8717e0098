"""What tokenizing drops is said with numbers, by reason and file, and everywhere alike."""

import json
import os
from pathlib import Path

import numpy as np
import pytest

from nano3.artifact.receipt import Input, Output, Run
from nano3.artifact.steps import IndexFacts, IndexReceipt, ShardReceipt, read_receipt
from nano3.corpus.dropped import dropped_rows, dropped_rows_of
from nano3.corpus.index_dataset import index_dataset
from nano3.corpus.shard_table import ShardEntry, dropped_cell, read_entries
from nano3.raw.datasets import Shard, write_pins
from nano3.tokens.indexed_dataset import Pair, PairWriter
from tests.receipts import INDEX_KEY, SHARD_KEY, shard_facts
from tests.tokens.test_tokenize_shard import tokenize

DROPPED = {
    "a": {"no text": 37, "empty": 0, "too short": 0},
    "b": {"no text": 1, "empty": 2, "too short": 1},
    "c": {"no text": 0, "empty": 0, "too short": 0},
    "d": {"no text": 2, "bad row": 5},
    "e": {"no text": 1},
    "f": {"no text": 1},
}
FILES = {name: f"raw/{name}.jsonl" for name in DROPPED}


def make(folder: Path, name: str, dropped: dict[str, int]) -> None:
    """Leave what tokenize_shard leaves of a shard of 40 rows."""
    skipped = sum(dropped.values())
    with (
        PairWriter(Pair(folder / "train" / name), np.int32) as train,
        PairWriter(Pair(folder / "holdout" / name), np.int32) as held,
    ):
        train.add(np.ones(40 - skipped, dtype=np.int32), np.ones(40 - skipped, dtype=np.int64))
    ShardReceipt.made(
        Run(),
        key=SHARD_KEY,
        inputs=[Input("file", FILES.get(name, name), "0" * 64)],
        outputs=[Output(*file) for file in train.files + held.files],
        facts=shard_facts(rows=40, documents=40 - skipped, skipped=[*range(skipped)], dropped=dropped),
    ).write(folder / f"train/{name}.json")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A dataset's tokens, without an index."""
    for name, dropped in DROPPED.items():
        make(tmp_path, name, dropped)
    return tmp_path


def index(folder: Path, *names: str) -> IndexFacts:
    write_pins(folder / "web.tsv", [Shard(name, FILES[name], 1, None, "0" * 64) for name in names or DROPPED])
    prefixes = folder / "valid", folder / "test"
    index_dataset(folder, folder / "web.tsv", INDEX_KEY, folder / "index.json", *prefixes)
    return read_receipt(folder / "index.json", IndexReceipt).facts


def told(folder: Path, *tokenized: str, fresh: str = "".join(DROPPED)) -> str | None:
    return dropped_rows_of("web", folder, FILES, tokenized, fresh.__contains__)


def test_an_index_counts_dropped_rows_by_reason_and_its_table_by_shard(folder: Path) -> None:
    facts = index(folder)
    assert facts.dropped == {"bad row": 5, "empty": 2, "no text": 42, "too short": 1}
    assert sum(facts.dropped.values()) == facts.skipped
    entries = {entry.shard: entry for entry in read_entries(folder, facts.shards.digest)}
    assert entries["b"].dropped == "2 empty; 1 no text; 1 too short"
    assert entries["b"].reasons == {"no text": 1, "empty": 2, "too short": 1}
    assert (entries["c"].dropped, entries["c"].reasons) == ("", {})
    assert entries["d"].reasons == {"no text": 2, "bad row": 5}


def test_the_cell_of_a_shard_is_read_as_it_was_written() -> None:
    cell = dropped_cell({"no text": 37, "a reason of several words": 1, "empty": 0})
    entry = ShardEntry._make([*[""] * 15, cell, 0, 0, 0])
    assert entry.reasons == {"no text": 37, "a reason of several words": 1}


def test_the_index_says_how_many_rows_are_in_no_pair_and_why(folder: Path) -> None:
    said = "web: 50 of 240 rows are in no pair: 42 without text, 5 that can't be read, 2 empty, 1 too short"
    assert dropped_rows("web", index(folder)) == said
    assert dropped_rows("web", index(folder, "c")) is None
    assert dropped_rows("web", index(folder, "a")) == "web: 37 of 40 rows are in no pair: 37 without text"


def test_an_index_of_older_receipts_says_the_number_alone(folder: Path) -> None:
    path = folder / "train/a.json"
    receipt = json.loads(path.read_text())
    del receipt["facts"]["dropped"]
    path.write_text(json.dumps(receipt))
    assert dropped_rows("web", index(folder, "a")) == "web: 37 of 40 rows are in no pair"


def test_the_end_of_a_run_names_the_files_too(folder: Path) -> None:
    index(folder)
    assert told(folder, "a", "b") == (
        "web: 50 of 240 rows are in no pair: 42 without text (a.jsonl: 37, d.jsonl: 2, b.jsonl: 1, 2 more files), "
        "5 that can't be read (d.jsonl: 5), 2 empty (b.jsonl: 2), 1 too short (b.jsonl: 1)"
    )
    index(folder, "a", "c")
    assert told(folder, "a") == "web: 37 of 80 rows are in no pair: 37 without text (a.jsonl: 37)"
    index(folder, "c")
    assert told(folder, "c") is None


@pytest.mark.parametrize("damage", ["no index", "another table", "an index from before"])
def test_a_run_that_ended_before_the_index_counts_the_shards_that_it_made(folder: Path, damage: str) -> None:
    index(folder)
    if damage == "no index":
        (folder / "index.json").unlink()
    elif damage == "another table":
        (folder / "shards.tsv").write_text("nonsense\n")
    else:
        make(folder, "b", DROPPED["b"])
        os.utime(folder / "train/b.json", ns=(1, 1))
    assert told(folder, "a", "b", "c", fresh="bc") == (
        "web: 4 of 80 rows of 2 shards that this run tokenized are in no pair: "
        "2 empty (b.jsonl: 2), 1 without text (b.jsonl: 1), 1 too short (b.jsonl: 1)"
    )
    assert told(folder, "a", "b", fresh="") is None


def test_what_tokenizing_really_drops_is_in_the_table(tmp_path: Path) -> None:
    raw = tmp_path / "raw.jsonl"
    raw.write_text('{"text": null}\n{"text": ""}\n{"id": 1}\n' + '{"text": "a document of some length"}\n' * 9)
    tokenize(raw, tmp_path, rows=None)
    receipt = read_receipt(tmp_path / "train/raw.json", ShardReceipt)
    assert ShardEntry.of("raw", receipt, 0).reasons == {"no text": 2, "empty": 1}
