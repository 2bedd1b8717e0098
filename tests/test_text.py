import gzip
import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from nano3.text import TextError, count_rows, read_text, shard_name

TEXTS = ["first", None, "", "zwölf\u2028still the same line", "x" * 5000] * 500


def write_lines(path: Path) -> None:
    data = "".join(
        json.dumps({"id": n, "text": text}, ensure_ascii=False) + "\n" for n, text in enumerate(TEXTS)
    ).encode()
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(data))
    elif path.suffix == ".zst":
        half = len(data) // 2  # two frames, as parallel compressors write them
        path.write_bytes(zstandard.compress(data[:half]) + zstandard.compress(data[half:]))
    else:
        path.write_bytes(data)


def write_parquet(path: Path) -> None:
    pq.write_table(pa.table({"id": range(len(TEXTS)), "text": TEXTS}), path, row_group_size=700)


@pytest.mark.parametrize(
    ("file", "write"),
    [("a.parquet", write_parquet), ("a.jsonl", write_lines), ("a.jsonl.gz", write_lines), ("a.jsonl.zst", write_lines)],
)
def test_every_format_gives_every_row_in_order(tmp_path: Path, file: str, write: Callable[[Path], None]) -> None:
    path = tmp_path / file
    write(path)
    assert count_rows(path) == len(TEXTS)
    read = [text for batch in read_text(path, "text", len(TEXTS)) for text in batch.to_pylist()]
    assert read == TEXTS
    first = [text for batch in read_text(path, "text", 1025) for text in batch.to_pylist()]
    assert first == TEXTS[:1025]


def test_a_missing_column_names_those_there_are(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet")
    with pytest.raises(TextError, match=r"no column 'content'; text_column must be one of: id, text"):
        list(read_text(tmp_path / "a.parquet", "content", 1))
    write_lines(tmp_path / "a.jsonl")
    with pytest.raises(TextError, match=r"row 0: no column 'content'; the row has: id, text"):
        list(read_text(tmp_path / "a.jsonl", "content", 1))


def test_a_column_of_numbers_is_not_text(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet")
    with pytest.raises(TextError, match="column 'id' holds int64, not text"):
        list(read_text(tmp_path / "a.parquet", "id", 1))


def test_a_damaged_row_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n{"text": \n')
    with pytest.raises(TextError, match=r"a\.jsonl: row 1: not JSON"):
        list(read_text(tmp_path / "a.jsonl", "text", 2))


def test_fewer_rows_than_pinned_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(TextError, match="has 1 rows where 2 were pinned"):
        list(read_text(tmp_path / "a.jsonl", "text", 2))


def test_names() -> None:
    assert shard_name("sub/part-0.jsonl.zst") == "sub.part-0"
    with pytest.raises(TextError, match=r"raw shards end in \.parquet"):
        shard_name("part.csv")
