import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from nano3.raw.readers import BATCH_BYTES, CHUNK_BYTES, TextError, count_rows, read_text, shard_name

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
    assert read(path) == TEXTS
    assert read(path, rows=1025) == TEXTS[:1025]


def read(path: Path, column: str = "text", rows: int | None = None) -> list[str | None]:
    batches = read_text(path, column, count_rows(path) if rows is None else rows)
    return [text for batch in batches for text in batch.to_pylist()]


def test_a_missing_column_names_the_existing_ones(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet")
    with pytest.raises(TextError, match=r"no column 'content'; text_column must be one of: id, text"):
        read(tmp_path / "a.parquet", "content")
    write_lines(tmp_path / "a.jsonl")
    with pytest.raises(TextError, match=r"no row has a column 'content'; text_column must be one of: id, text"):
        read(tmp_path / "a.jsonl", "content")


def test_a_field_inside_a_column(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [{"a": {"b": "x", "c": 1}}, {"a": None}, {"a": {"b": None, "c": 2}}]
    pq.write_table(pa.table({"a": [row["a"] for row in rows]}), tmp_path / "a.parquet")
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows) + "{}\n")
    assert read(tmp_path / "a.parquet", "a.b") == ["x", None, None]
    assert read(tmp_path / "a.jsonl", "a.b") == ["x", None, None, None]
    with pytest.raises(TextError, match=r"must be one of: a, a\.b, a\.c"):
        read(tmp_path / "a.parquet", "a.d")


def test_a_row_without_the_column_has_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n\n{"text": "x"}\n{"text": null}')
    assert read(tmp_path / "a.jsonl") == [None, "x", None]


@pytest.mark.parametrize("codec", ["snappy", "zstd", "gzip", "brotli", "lz4", "none"])
def test_any_codec_of_parquet(tmp_path: Path, codec: str) -> None:
    pq.write_table(pa.table({"text": ["x", None, "y"]}), tmp_path / "a.parquet", compression=codec)
    assert read(tmp_path / "a.parquet") == ["x", None, "y"]


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (b'{"text": "x"}\n{"text": \n', r"a\.jsonl: row 1: not a JSON object: .*truncated"),
        (b'{"text": "x"}\n{"text": "y', r"row 1: not a JSON object: .*truncated; fix or replace the file, then pin"),
        (b'{"text": "x"}\n{"text": "\xff"}\n', r"row 1: not a JSON object: .*can't decode byte 0xff"),
        (b'{"text": "x"}\n{"text": 5}\n', r"row 1: column 'text' is not text: Expected `str \| null`, got `int`"),
        (b"[1]\n", r"row 0: column 'text' is not text: Expected `object`, got `array`"),
    ],
)
def test_a_damaged_row_is_named(tmp_path: Path, lines: bytes, message: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(lines)
    with pytest.raises(TextError, match=message):
        read(tmp_path / "a.jsonl")


def test_a_parquet_column_that_is_not_text(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet")
    with pytest.raises(TextError, match="column 'id' holds int64, not text"):
        read(tmp_path / "a.parquet", "id")


def test_parquet_text_that_is_not_utf8(tmp_path: Path) -> None:
    bad = pa.array([b"x", b"\xff"], type=pa.binary()).view(pa.string())
    pq.write_table(pa.table({"text": bad}), tmp_path / "a.parquet")
    with pytest.raises(TextError, match=r"rows 0 and following: Invalid UTF8"):
        read(tmp_path / "a.parquet")


@pytest.mark.parametrize("file", ["a.jsonl.gz", "a.jsonl.zst", "a.parquet"])
def test_a_file_that_is_cut_is_refused(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    (write_parquet if file.endswith("parquet") else write_lines)(path)
    whole = path.read_bytes()
    for size in (0 if file.endswith("parquet") else len(whole) - 1, len(whole) // 2, len(whole) - 9):
        path.write_bytes(whole[:size])
        with pytest.raises(TextError, match=r"damaged or cut|not a whole parquet file"):
            read(path, rows=len(TEXTS))


@pytest.mark.parametrize("file", ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"])
def test_a_file_without_rows_has_none(tmp_path: Path, file: str) -> None:
    path = tmp_path / file
    path.write_bytes({".gz": gzip.compress(b""), ".zst": zstandard.compress(b"")}.get(path.suffix, b""))
    assert count_rows(path) == 0
    assert read(path) == []


def test_a_line_longer_than_a_chunk_is_whole(tmp_path: Path) -> None:
    text = "x" * (3 * CHUNK_BYTES + 5)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "a"}) + "\n" + json.dumps({"text": text}) + "\n")
    assert read(tmp_path / "a.jsonl") == ["a", text]


def test_batches_are_bounded_by_bytes(tmp_path: Path) -> None:
    texts = [f"{number:08}" * 2**17 for number in range(40)]
    pq.write_table(pa.table({"text": texts}), tmp_path / "a.parquet", row_group_size=40)
    (tmp_path / "a.jsonl").write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
    for file in ("a.parquet", "a.jsonl"):
        sizes = [batch.nbytes for batch in read_text(tmp_path / file, "text", 40)]
        assert len(sizes) >= 4
        assert max(sizes) <= 1.2 * BATCH_BYTES


def test_fewer_rows_than_pinned_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(TextError, match="has 1 rows where 2 were pinned"):
        read(tmp_path / "a.jsonl", rows=2)


def test_names() -> None:
    assert shard_name("sub/part-0.jsonl.zst") == "sub.part-0"
    with pytest.raises(TextError, match=r"raw shards end in \.parquet"):
        shard_name("part.csv")
