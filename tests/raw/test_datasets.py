from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nano3.config.load import load_recipe
from nano3.core.schema import ConfigError
from nano3.formats.source import TextSource
from nano3.graph.keys import shared_key
from nano3.raw.datasets import Shard, raw_file, read_dataset, read_pins, sampled, write_pins
from tests.raw.corpus import NO_COMMIT, describe

SHARDS = [Shard(name, f"raw/{name}.parquet", 10, rows, "0" * 64) for name, rows in (("a", 5), ("b", 3), ("c", 4))]


def test_pins_read_back_as_written(tmp_path: Path) -> None:
    write_pins(tmp_path / "x.tsv", SHARDS[::-1])
    assert read_pins("x", tmp_path) == SHARDS


def test_a_missing_pin_says_how_to_pin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.tsv: dataset x is not pinned: run `nano3 pin x`"):
        read_pins("x", tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a\traw/a.parquet\t10\t5", "line 5: not a pinned shard"),
        ("d\traw/d.parquet\tten\t5\t" + "0" * 64, "line 5: not a pinned shard"),
        ("d\traw/d.parquet\t10\t5\tabc", "line 5: not a SHA-256"),
        ("a\traw/a.parquet\t10\t5\t" + "0" * 64, "shard a is listed more than once"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    write_pins(tmp_path / "x.tsv", SHARDS)
    with (tmp_path / "x.tsv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ConfigError, match=message):
        read_pins("x", tmp_path)


def test_a_sample_is_the_first_rows_in_catalogue_order() -> None:
    assert [(shard.name, rows) for shard, rows in sampled(SHARDS, 7)] == [("a", None), ("b", 2)]
    assert [(shard.name, rows) for shard, rows in sampled(SHARDS, 0)] == [("a", None), ("b", None), ("c", None)]
    assert [(shard.name, rows) for shard, rows in sampled(SHARDS, 100)] == [("a", None), ("b", None), ("c", None)]


def test_a_sample_needs_the_rows_of_the_shards_up_to_its_end(tmp_path: Path) -> None:
    shards = [SHARDS[0], replace(SHARDS[1], rows=None), SHARDS[2]]
    write_pins(tmp_path / "x.tsv", shards)
    assert read_pins("x", tmp_path) == shards
    assert [rows for _, rows in sampled(shards, 5)] == [None]
    assert [rows for _, rows in sampled(shards, 0)] == [None, None, None]
    with pytest.raises(ConfigError, match=r"shard b, .*: run `nano3 pin --rows x`"):
        sampled(shards, 6, "x")


@pytest.mark.parametrize("bare", ["abc", "a", "b", "c", "ab", "bc", "ac"])
def test_shards_without_rows_take_no_part_in_a_sample(bare: str) -> None:
    shards = [replace(shard, rows=0) if shard.name in bare else shard for shard in SHARDS]
    assert [shard.name for shard, _ in sampled(shards, 0)] == ["a", "b", "c"]
    if bare == "abc":
        with pytest.raises(ConfigError, match="sample: dataset x has no rows to take 7 of: leave it out of the recipe"):
            sampled(shards, 7, "x")
        return
    for rows in (1, 3, 7, 12, 1000):
        taken = sampled(shards, rows, "x")
        assert taken
        assert not {shard.name for shard, _ in taken} & {*bare}
        counts = [shard.rows if part is None else part for shard, part in taken]
        assert sum(count or 0 for count in counts) == min(rows, sum(shard.rows or 0 for shard in shards))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"source": "''", "files": "'*'"}, "source: is empty: name the folder or URL"),
        ({"source": "raw", "files": "''"}, "files: '' is empty: write a glob"),
        ({"source": "raw", "files": "'{a,b}.jsonl'"}, "files: '{a,b}.jsonl' has braces, which mean nothing here"),
        (
            {"source": "raw", "files": "/raw/*.jsonl"},
            "files: '/raw/\\*.jsonl' begins with /: write the folder in source",
        ),
        ({"source": "raw", "files": "./*.jsonl"}, "files: './\\*.jsonl' has . or .. for a folder"),
        ({"source": "raw", "files": "../x/*.jsonl"}, "files: '../x/\\*.jsonl' has . or .. for a folder"),
        ({"source": "raw", "files": "sub/"}, "files: 'sub/' has an empty part"),
        ({"source": "raw", "files": "a//b"}, "files: 'a//b' has an empty part"),
        ({"source": "raw", "files": "'**.jsonl'"}, r"files: '\*\*.jsonl' has \*\* beside other letters: write \*\*/"),
        ({"source": "raw", "files": "'*'", "duplicates": "drop"}, "duplicates: must be 'refuse' or 'keep', not 'drop'"),
        ({"source": "hf://org/corpus"}, "revision: this key is missing; write a commit"),
        ({"source": "hf://corpus", "revision": NO_COMMIT}, "source: hf://corpus is not hf://org/repo"),
        ({"source": "hf://org/corpus", "revision": NO_COMMIT, "files": "'*'"}, "files: the Hub knows a subset's files"),
        ({"source": "raw", "files": "'*'", "subset": "a"}, "subset: only a source on the Hub, hf://org/repo, has one"),
        ({"source": "s3://bucket/raw", "files": "'*'", "revision": NO_COMMIT}, "revision: only a source on the Hub"),
        ({"source": "s3://bucket/raw"}, "files: this key is missing; add a glob"),
        ({"source": "https://me:secret@host/raw", "files": "'*'"}, "source: must be one URL without a password"),
    ],
)
def test_a_source_that_cannot_be_meant_names_key_and_remedy(
    catalogue: Path, keys: dict[str, str], message: str
) -> None:
    describe(catalogue, **keys)
    with pytest.raises(ConfigError, match=rf"datasets/corpus\.yaml: {message}"):
        read_dataset("corpus", catalogue)


def test_a_file_has_one_name_here(catalogue: Path) -> None:
    describe(catalogue, revision=NO_COMMIT)
    dataset = read_dataset("corpus", catalogue)
    shard = Shard("a.b", "a/b.jsonl.gz", 1, None, "0" * 64)
    assert raw_file("corpus", dataset, shard) == "resources/raw/corpus/a.b.jsonl.gz"
    assert dataset.origin(shard.path) == f"hf://datasets/org/corpus@{NO_COMMIT}/a/b.jsonl.gz"
    describe(catalogue, source="raw", files="'*'")
    local = read_dataset("corpus", catalogue)
    assert raw_file("x", local, shard) == local.origin(shard.path) == "a/b.jsonl.gz"


def test_pins_are_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    write_pins(tmp_path / "x.tsv", SHARDS)
    with pytest.raises(UnicodeEncodeError):
        write_pins(tmp_path / "x.tsv", [*SHARDS, replace(SHARDS[0], name="\udce9")])
    assert read_pins("x", tmp_path) == SHARDS
    assert [file.name for file in tmp_path.iterdir()] == ["x.tsv"]


def test_keeping_duplicates_decides_no_token() -> None:
    recipe, dataset = load_recipe("tiny")[1], read_dataset("tiny-math")
    kept = dataset.model_copy(update={"duplicates": "keep"})
    assert shared_key(recipe, kept) == shared_key(recipe, dataset)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"text_column": None},
            "text_column: this key is missing; name the column that holds a document's text, or, for",
        ),
        ({"text_column": "''"}, "text_column: is empty: name the column that holds a document's text"),
        ({"document": "line"}, "text_column: .txt files have no columns: remove it, or remove document"),
        ({"document": "page", "text_column": None}, "document: must be 'file' or 'line', not 'page'"),
        ({"on_bad_row": "drop"}, "on_bad_row: must be 'fail' or 'skip', not 'drop'"),
        ({"bad_rows_at_most": 0.5}, "bad_rows_at_most: no row is skipped: add on_bad_row: skip, or remove it"),
        ({"on_bad_row": "skip", "bad_rows_at_most": 5}, "bad_rows_at_most: must be at most 1, not 5"),
    ],
)
def test_how_rows_are_read_must_be_clear(catalogue: Path, changes: dict[str, Any], message: str) -> None:
    describe(catalogue, revision=NO_COMMIT, **changes)
    with pytest.raises(ConfigError) as told:
        read_dataset("corpus", catalogue)
    assert message in str(told.value)


def test_how_rows_are_read_is_one_value(catalogue: Path) -> None:
    describe(catalogue, revision=NO_COMMIT, text_column=None, document="file", on_bad_row="skip", bad_rows_at_most=0.5)
    dataset = read_dataset("corpus", catalogue)
    assert (dataset.text_source, dataset.bad_rows_at_most) == (TextSource(None, "file", "skip"), 0.5)
    describe(catalogue, revision=NO_COMMIT)
    dataset = read_dataset("corpus", catalogue)
    assert (dataset.text_source, dataset.bad_rows_at_most) == (TextSource("text"), 0.01)
