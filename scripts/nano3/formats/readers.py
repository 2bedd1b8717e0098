"""
Which reader reads a raw file, and what do the first rows look like?

Rows come in batches of about BATCH_BYTES of text, so memory does not grow with the shard. A row whose text is null or
missing comes as null and keeps its number. A bad row is an error, or null if the dataset skips such rows; a file that
is cut, damaged or something else than its name says is always an error: training must not use the part that happened
to be readable.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePath
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from nano3.formats.arrow_ipc import count_ipc, read_ipc
from nano3.formats.contents import refusal
from nano3.formats.json_rows import count_json, read_json
from nano3.formats.lines import count_delimited, count_plain, read_delimited, read_plain
from nano3.formats.parquet import count_parquet, read_parquet
from nano3.formats.source import FORMATS, Notes, TextError, TextSource, kind_of, listed, shard_name

__all__ = ["FORMATS", "Look", "TextError", "TextSource", "count_rows", "look", "read_text", "refusal", "shard_name"]

Read = Callable[[PurePath, Notes], Iterator[pa.LargeStringArray]]
Count = Callable[[PurePath, BinaryIO | None], int]
READERS: dict[str, tuple[Read, Count]] = {
    ".parquet": (read_parquet, count_parquet),
    ".arrow": (read_ipc, count_ipc),
    ".feather": (read_ipc, count_ipc),
    ".jsonl": (read_json, count_json),
    ".ndjson": (read_json, count_json),
    ".json": (read_json, count_json),
    ".csv": (read_delimited, count_delimited),
    ".tsv": (read_delimited, count_delimited),
}


@dataclass(frozen=True)
class Look:
    """
    The beginning of a file. rows: seen. with_text: of these, with any text. keys: names that rows without text have
    instead, or the columns that may be text. first_bad: where the first bad row is, and what is wrong with it.
    lacks_column: whether no row has the column, where rows may differ in that.
    """

    rows: int
    with_text: int
    keys: tuple[str, ...]
    first_bad: str | None
    lacks_column: bool = False


def count_rows(path: PurePath, file: BinaryIO | None = None, text_source: TextSource | None = None) -> int:
    """
    Rows in a raw file: from a parquet file's footer, otherwise by reading them.

    file: its bytes, if path is not local. text_source: how it is read; .txt alone needs it.
    Raises TextError for a file that can't be read.
    """
    kind = kind_of(path.name)
    if kind == ".txt":
        text_source = text_source or TextSource(None)
        text_source.column_for(path)
        return count_plain(path, file, text_source.document or "file")
    return READERS[kind][1](path, file)


def read_text(path: Path, text_source: TextSource, rows: int | None, bad: list[int]) -> Iterator[pa.LargeStringArray]:
    """
    The text of a file's first rows in file order, in batches; null where a row has none.

    rows: to read; None for all. bad: receives the numbers, from 0, of bad rows that are skipped; their text is null.
    Raises TextError, with file and row, if the column is missing or not text, a row is bad or rows are missing.
    """
    notes = Notes(path, text_source, rows, bad)
    left = rows
    for batch in _read(path, notes):
        head = batch if left is None else batch.slice(0, left)
        left = None if left is None else left - len(head)
        del batch  # free a huge one before the next is read
        yield head
        del head
        if left == 0:
            break
    if left:
        raise TextError(f"{path}: has {(rows or 0) - left} rows where {rows} were pinned: pin the dataset again")
    if not notes.has_column and notes.lacking:
        hint = f"; text_column must be one of: {listed(notes.keys)}" if notes.keys else ": its rows have no keys at all"
        raise TextError(f"{path}: no row has a column {notes.column!r}{hint}")


def look(path: Path, text_source: TextSource, most_rows: int) -> Look:
    """
    What the first rows of a file are like; no more of it is read than they need.

    Raises TextError for what can't be read at all, but for no bad row.
    """
    notes = Notes(path, replace(text_source, on_bad_row="skip"), most_rows, every=True)
    rows = with_text = 0
    for batch in _read(path, notes):
        head = batch.slice(0, most_rows - rows)
        rows += len(head)
        with_text += pc.sum(pc.greater(pc.binary_length(head), 0)).as_py() or 0
        if rows == most_rows:
            break
    return Look(rows, with_text, tuple(notes.keys), notes.first_bad, bool(notes.lacking and not notes.has_column))


def _read(path: Path, notes: Notes) -> Iterator[pa.LargeStringArray]:
    kind = kind_of(path.name)
    read = read_plain if kind == ".txt" else READERS[kind][0]
    return read(path, notes)
