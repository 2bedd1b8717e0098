"""The text column is guessed by name, else by length; what is not certain says so."""

import gzip
from pathlib import Path
from typing import Any

import pytest

from nano3.formats.source import TextError
from nano3.start.columns import columns_of, guess, guess_document, shortened
from nano3.start.folder import StartError
from tests.start.data import rows, text, write

FORMATS = ["a.jsonl", "a.jsonl.zst", "a.jsonl.gz", "a.csv", "a.csv.bz2", "a.parquet"]


@pytest.mark.parametrize("name", FORMATS)
def test_columns_of_text_are_found_in_every_kind_of_file(tmp_path: Path, name: str) -> None:
    columns = columns_of(write(tmp_path / name, rows(20)))
    assert {column.name for column in columns} - {"score"} == {"id", "text"}, "a .csv has text alone"
    (column,) = [column for column in columns if column.name == "text"]
    assert (column.rows, column.with_text) == (20, 20)
    assert column.sample == shortened(text((0, 0)))
    assert column.mean == pytest.approx(sum(len(text((0, row))) for row in range(20)) / 20)


@pytest.mark.parametrize("name", ["a.jsonl", "a.parquet"])
def test_a_field_inside_a_column_is_a_column(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, [{"id": str(row), "doc": {"text": text(row), "lang": "en"}} for row in range(9)])
    found = guess([path])
    assert (found.best.name, found.certain) == ("doc.text", True)


@pytest.mark.parametrize(
    ("row", "best", "certain"),
    [
        ({"id": "x", "text": text(1)}, "text", True),
        ({"id": "x", "Content": text(1)}, "Content", True),
        ({"text": text(1), "markdown": text(2)}, "text", True),
        ({"markdown": text(1), "body": text(2)}, "body", False),
        ({"title": text(1, 4), "prose": text(2, 90)}, "prose", False),
        ({"prose": text(2, 90), "score": 1}, "prose", True),
        ({"text": "en", "prose": text(2, 90)}, "text", False),
        ({"code": "def", "text": text(2)}, "text", True),
    ],
)
def test_a_name_decides_and_else_the_length(tmp_path: Path, row: dict[str, Any], best: str, certain: bool) -> None:
    found = guess([write(tmp_path / "a.jsonl", [row] * 3)])
    assert (found.best.name, found.certain) == (best, certain)


def test_several_files_are_looked_at_and_a_column_of_one_alone_is_none(tmp_path: Path) -> None:
    one = write(tmp_path / "a.jsonl", [{"text": text(1), "body": text(2)}] * 2)
    other = write(tmp_path / "b.jsonl", [{"text": text(3)}] * 6)
    found = guess([one, other])
    assert [(column.name, column.rows, column.with_text) for column in found.columns] == [("text", 8, 8)]


def test_files_without_rows_say_nothing(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").touch()
    assert guess([tmp_path / "a.jsonl", write(tmp_path / "b.jsonl", rows(3))]).best.name == "text"


def test_no_column_of_text_is_one_sentence_with_the_columns(tmp_path: Path) -> None:
    path = write(tmp_path / "a.jsonl", [{"id": 7, "tags": ["a"]}])
    with pytest.raises(
        StartError, match=r"a\.jsonl: no column of its first 300 rows holds text; its columns: id, tags$"
    ):
        guess([path])


def test_a_damaged_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl.gz").write_bytes(gzip.compress(b'{"text": "x"}\n')[:-9])
    with pytest.raises(TextError, match=r"a\.jsonl\.gz: the compressed data is cut"):
        guess([tmp_path / "a.jsonl.gz"])


def test_many_text_files_are_documents_and_few_are_lines() -> None:
    assert guess_document([Path("a.txt")] * 20) == "file"
    assert guess_document([Path("a.txt")] * 3) == "line"
