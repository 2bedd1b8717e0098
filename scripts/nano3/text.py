"""Documents of a raw shard, whatever its format: .parquet, .jsonl, .jsonl.gz, .jsonl.zst."""

import gzip
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import IO, cast

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from nano3 import Nano3Error

FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")
BATCH_ROWS = 1024


class TextError(Nano3Error):
    """A raw shard can't be read as text."""


def shard_name(file: str) -> str:
    """A raw file's own name without its format's ending, with . for /. Raises TextError for an unknown format."""
    for ending in FORMATS:
        if file.endswith(ending):
            return file.removesuffix(ending).replace("/", ".")
    raise TextError(f"{file}: unknown format; raw shards end in {', '.join(FORMATS)}")


def count_rows(path: Path) -> int:
    """Rows in a raw shard: from a parquet file's footer, by reading the lines otherwise."""
    if path.suffix == ".parquet":
        return int(pq.ParquetFile(path).metadata.num_rows)
    with _open_lines(path) as lines:
        return sum(1 for line in lines if line.strip())


def read_text(path: Path, column: str, rows: int) -> Iterator[pa.LargeStringArray]:
    """
    The first rows' text in the file's order, in batches of at most 1,024; null where a row has no text.

    Raises TextError naming the file and the row if the column is missing or not text.
    """
    left = rows
    for batch in _read_parquet(path, column) if path.suffix == ".parquet" else _read_lines(path, column):
        if left <= 0:
            return
        yield batch.slice(0, left)
        left -= len(batch)
    if left > 0:
        raise TextError(f"{path}: has {rows - left} rows where {rows} were pinned: pin the dataset again")


def _read_parquet(path: Path, column: str) -> Iterator[pa.LargeStringArray]:
    file = pq.ParquetFile(path)
    names = file.schema_arrow.names
    if column not in names:
        raise TextError(f"{path}: no column {column!r}; text_column must be one of: {', '.join(names)}")
    kind = file.schema_arrow.field(column).type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise TextError(f"{path}: column {column!r} holds {kind}, not text: name another text_column")
    for batch in file.iter_batches(batch_size=BATCH_ROWS, columns=[column]):
        yield batch.column(0).cast(pa.large_string())


def _read_lines(path: Path, column: str) -> Iterator[pa.LargeStringArray]:
    with _open_lines(path) as lines:
        texts = (_text(line, path, row, column) for row, line in enumerate(line for line in lines if line.strip()))
        while batch := list(islice(texts, BATCH_ROWS)):
            yield pa.array(batch, type=pa.large_string())


def _text(line: str, path: Path, row: int, column: str) -> str | None:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise TextError(f"{path}: row {row}: not JSON: {error}; mend or drop the file, then pin again") from None
    if not isinstance(record, dict) or column not in record:
        keys = ", ".join(record) if isinstance(record, dict) else "no keys"
        raise TextError(f"{path}: row {row}: no column {column!r}; the row has: {keys}")
    text = record[column]
    if text is not None and not isinstance(text, str):
        raise TextError(f"{path}: row {row}: column {column!r} holds {type(text).__name__}, not text")
    return text


def _open_lines(path: Path) -> IO[str]:
    if path.suffix == ".zst":
        return cast(IO[str], zstandard.open(path, "rt", encoding="utf-8", newline="\n"))
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8", newline="\n")
    return open(path, encoding="utf-8", newline="\n")
