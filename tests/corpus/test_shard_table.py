"""What shards.tsv says is read as it was written, or refused."""

import os
from pathlib import Path

import pytest

from nano3.artifact.steps import ShardReceipt, read_receipt
from nano3.corpus.shard_table import (
    ShardEntry,
    ShardTableError,
    digest_entries,
    made_with,
    read_entries,
    read_lines,
    shard_files,
    write_entries,
)
from tests.corpus.test_freshness import SETTINGS, make, shard
from tests.receipts import SHARD_KEY


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Tokens of shards a, b, c, and no index."""
    for name in "abc":
        make(tmp_path, shard(name), None, SETTINGS)
    return tmp_path


def entry(folder: Path, name: str) -> ShardEntry:
    path = folder / f"train/{name}.json"
    return ShardEntry.of(name, read_receipt(path, ShardReceipt), path.stat().st_mtime_ns)


def test_entries_read_back_as_written_and_no_others(tree: Path) -> None:
    entries = [ShardEntry.of(name, read_receipt(tree / f"train/{name}.json", ShardReceipt), 7) for name in "abc"]
    write_entries(tree, entries)
    assert read_entries(tree, digest_entries(entries)) == entries
    with pytest.raises(ShardTableError, match="not what its index was made with"):
        read_entries(tree, digest_entries(entries[:2]))


def test_a_time_is_not_part_of_what_identifies_the_tokens(tree: Path) -> None:
    entries = [entry(tree, name) for name in "abc"]
    assert digest_entries(each._replace(written=7) for each in entries) == digest_entries(entries)
    assert digest_entries(each._replace(content="7") for each in entries) != digest_entries(entries)


def test_a_table_with_other_columns_has_no_lines(tree: Path) -> None:
    path = write_entries(tree, [entry(tree, "a")])
    assert len([*read_lines(tree)]) == 1
    path.write_text(path.read_text().replace("made_with", "made_by", 1))
    assert [*read_lines(tree)] == []


def test_what_a_shard_was_made_with_leaves_out_its_own_bytes_and_rows() -> None:
    assert made_with(SHARD_KEY | {"sha256": "7", "rows": 7}) == made_with(SHARD_KEY)
    assert made_with(SHARD_KEY | {"code": "7"}) != made_with(SHARD_KEY)


def test_files_are_as_noted_until_one_is_touched_cut_or_gone(tree: Path) -> None:
    noted = {name: entry(tree, name) for name in "abc"}
    os.utime(tree / "train/a.json", (1, 1))
    os.truncate(tree / "holdout/b.idx", 1)

    def as_noted() -> str:
        with shard_files(tree) as files:
            return "".join(name for name, each in noted.items() if files.are_as_noted(name, each.sizes, each.written))

    assert as_noted() == "c"
    (tree / "train/c.bin").unlink()
    assert as_noted() == ""
    (tree / "holdout").rename(tree / "away")
    assert as_noted() == ""
