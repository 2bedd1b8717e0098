from pathlib import PurePath

import pytest

from nano3.formats.source import (
    FORMATS,
    Notes,
    TextError,
    TextSource,
    damaged,
    ending_of,
    kind_of,
    packing_of,
    shard_name,
)


@pytest.mark.parametrize(
    ("file", "ending", "kind", "packing", "name"),
    [
        ("en/c4-train.00000-of-01024.json.gz", ".json.gz", ".json", ".gz", "en.c4-train.00000-of-01024"),
        ("v1_7/books-0000.json.gz", ".json.gz", ".json", ".gz", "v1_7.books-0000"),
        ("sub/part-0.jsonl.zst", ".jsonl.zst", ".jsonl", ".zst", "sub.part-0"),
        ("a.parquet", ".parquet", ".parquet", "", "a"),
        ("a.b.csv.xz", ".csv.xz", ".csv", ".xz", "a.b"),
        ("page.txt.bz2", ".txt.bz2", ".txt", ".bz2", "page"),
        ("a.gz.jsonl", ".jsonl", ".jsonl", "", "a.gz"),
    ],
)
def test_what_a_name_says(file: str, ending: str, kind: str, packing: str, name: str) -> None:
    assert (ending_of(file), kind_of(file), packing_of(file), shard_name(file)) == (ending, kind, packing, name)


def test_longer_endings_come_first() -> None:
    assert [*map(len, FORMATS)] == sorted(map(len, FORMATS), reverse=True)
    assert len(set(FORMATS)) == len(FORMATS) == 33


@pytest.mark.parametrize("file", ["part.doc", "part.parquet.gz", "part.zip", "part", "part.jsonl.lz4", "part.JSONL"])
def test_an_unknown_ending_is_refused_with_the_known_ones(file: str) -> None:
    with pytest.raises(TextError, match=rf"^{file}: unknown format; raw shards end in \.parquet, .*\.zst, \.bz2"):
        shard_name(file)


def test_a_key_says_only_what_is_not_the_default() -> None:
    for source, key in (
        (TextSource("text"), {"text_column": "text"}),
        (TextSource("text", None, "skip"), {"text_column": "text", "on_bad_row": "skip"}),
        (TextSource(None, "line"), {"text_column": None, "document": "line"}),
    ):
        assert source.key == key
        assert TextSource.of(key | {"rows": 3}) == source


@pytest.mark.parametrize(
    ("file", "source", "message"),
    [
        ("a.txt", TextSource("text"), "a.txt: a .txt file has no columns: write document: file or document: line"),
        ("a.jsonl", TextSource(None, "file"), "a.jsonl: document is for .txt files alone: write text_column instead"),
        ("a.jsonl", TextSource(None), "a.jsonl: name the text_column"),
    ],
)
def test_a_description_that_does_not_fit_to_the_format(file: str, source: TextSource, message: str) -> None:
    with pytest.raises(TextError) as refusal:
        source.column_for(PurePath(file))
    assert str(refusal.value).startswith(message)


def test_bad_rows_are_errors_or_noted_and_later_ones_are_nobodys_concern() -> None:
    notes = Notes(PurePath("a.jsonl"), TextSource("text", None, "skip"), most=5)
    for row in (1, 4, 5):
        notes.add_bad(row, f"line {row + 1}", "odd")
    assert (notes.bad, notes.first_bad) == ([1, 4], "line 2: odd")
    with pytest.raises(TextError, match=r"^a\.jsonl: line 2: odd; fix the row .*on_bad_row: skip"):
        Notes(PurePath("a.jsonl"), TextSource("text")).add_bad(1, "line 2", "odd")


def test_a_problem_is_one_line() -> None:
    assert str(damaged("a", "why\nwhere in the sources")).startswith("a: why; fix or replace the file")
