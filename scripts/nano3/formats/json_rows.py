"""
Which rows are in a file of JSON: lines, one array, or objects printed over several lines?

The text of a row is read by a decoder that builds this one column and skips the rest. A row that it refuses is walked
through by nano3.formats.json_scan, which forgives what is odd in columns that nobody asked for, and says what is wrong.
A row without the column has no text; a name that is there twice counts where it is last.

A .json file is one array if it begins with [, and objects over several lines if its first line is { alone. Their rows
are cut out of the stream, so memory holds one at a time. One that is not JSON is an error even where bad rows are
skipped: nothing else says where it ends, and a quotation mark too many in it takes in the rows behind.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from itertools import chain
from operator import attrgetter
from pathlib import PurePath
from typing import Any, BinaryIO

import msgspec
import numpy as np
import pyarrow as pa

from nano3.core.arrow import text_array
from nano3.formats import source
from nano3.formats.columns import one_text
from nano3.formats.contents import chunks
from nano3.formats.json_scan import BrokenRowError, Span, find, keys_of, text_of, unescape
from nano3.formats.lines import TOO_LONG, Line, Lines, is_blank, joined, too_long
from nano3.formats.source import Notes, RowError, counted_from_1, damaged, kind_of

OUTSIDE = re.compile(rb'["\[\]{},]')
INSIDE = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
ARRAY = re.compile(rb"\s*\[")
OVER_LINES = re.compile(rb"\s*\{[ \t\r]*\n")
QUOTE, COMMA, ARRAY_END = b'",]'
OPENING = b"[{"
REFUSED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def read_json(path: PurePath, notes: Notes) -> Iterator[pa.LargeStringArray]:
    """The text column of a file, in batches of about BATCH_BYTES; the text of a longer row is a batch of its own."""
    rows, reader = _rows(path), _RowReader(notes.column)
    decode, text_in, longest = reader.decode, reader.text_in, source.BATCH_BYTES
    texts: list[str | None] = []
    size = 0
    for row, line in enumerate(rows):
        try:  # no function of ours for an ordinary row
            value = text_in(decode(line)) if len(line) <= longest else _noted(reader, line, row, rows, notes)
        except REFUSED:
            value = _noted(reader, line, row, rows, notes)
        if value is msgspec.UNSET:
            value = None
            notes.lacking += 1
            if notes.wants_keys(row):
                notes.add_keys(keys_of(line))
        else:
            notes.has_column = True
        del line  # free a huge one before the next is read
        if isinstance(value, pa.LargeStringArray):
            if texts:
                yield text_array(texts)
            texts, size = [], 0
            yield value
            del value
            continue
        texts.append(value)
        size += len(value) if value else 0
        if size >= longest or len(texts) == source.LARGEST_BATCH_ROWS:
            yield text_array(texts)
            texts, size = [], 0
    if texts:
        yield text_array(texts)


def count_json(path: PurePath, file: BinaryIO | None) -> int:
    """Rows of a file of JSON. file: itself, if path is not local."""
    return sum(1 for _ in _rows(path, file))


# ---- the text of a row ----------------------------------------------------------------------------------------------


def _noted(reader: "_RowReader", line: Line, row: int, rows: "Lines | Elements", notes: Notes) -> Any:
    """The text of a row that is long or that the fast decoder refuses; None if it is bad, which is noted."""
    try:
        return reader.long_text(line) if len(line) > source.BATCH_BYTES else reader.odd_text(line)
    except RowError as error:
        if isinstance(rows, Elements) and isinstance(error, BrokenRowError):
            notes.add_unbounded(row, rows.place, f"{error}; where it ends can't be told, and it may hold others")
        notes.add_bad(row, rows.place, error)
        return None


class _RowReader:
    """
    Reads a column of rows. A name with dots in it goes before a field inside a column.

    text_in(decode(line)) is the text of an ordinary row: None if it is null, UNSET if there is no such column.
    """

    def __init__(self, column: str) -> None:
        self._names = column.split(".")
        self.decode = _decoder(self._names, str | None)
        self.text_in = attrgetter("first_1") if len(self._names) == 1 else partial(_value_of, names=self._names)
        self._decode_raw = _decoder(self._names, msgspec.Raw)

    def long_text(self, line: Line) -> Any:
        """The text of a long row, as an array. Raises RowError if it is bad."""
        buffer = line if isinstance(line, bytearray) else bytearray(line)
        try:
            raw = _value_of(self._decode_raw(buffer), self._names)
        except REFUSED:
            span = find(buffer, self._names)
            return msgspec.UNSET if span is None else _in_place(buffer, span)
        return raw if raw is msgspec.UNSET or raw is None else _in_place(buffer, _span_of(raw, buffer))

    def odd_text(self, line: Line) -> Any:
        """The text of a row that the fast decoder refuses. Raises RowError if it is bad."""
        if not line:
            raise RowError(too_long())
        try:  # a NaN in every row must not cost a walk through every row
            value = _value_in(json.loads(str(line, "utf-8")), self._names)
            if value is None or value is msgspec.UNSET or (isinstance(value, str) and value.encode() is not None):
                return value
        except (ValueError, TypeError, RecursionError):
            pass
        span = find(line, self._names)
        return msgspec.UNSET if span is None else text_of(line, span)


def _decoder(names: Sequence[str], kind: Any) -> Callable[[Line], Any]:
    """Decodes rows; refuses all of them if the column's name must be escaped in JSON, which msgspec can't look for."""
    try:
        return msgspec.json.Decoder(_row_type(names, kind)).decode
    except ValueError:
        return _refuse


def _refuse(_line: Line) -> Any:
    raise msgspec.MsgspecError


def _row_type(names: Sequence[str], kind: Any) -> Any:
    """A row with the column as a kind: a field for each beginning of its name that ends at a dot."""
    fields: list[tuple[str, Any, Any]] = []
    written: dict[str, str] = {}
    for size in range(1, len(names) + 1):
        inside = kind if size == len(names) else _row_type(names[size:], kind) | None
        fields.append((f"first_{size}", inside | msgspec.UnsetType, msgspec.UNSET))
        written[f"first_{size}"] = ".".join(names[:size])
    return msgspec.defstruct("Row", fields, rename=written)


def _value_of(row: Any, names: Sequence[str]) -> Any:
    """The column of a decoded row; UNSET if it has none."""
    for size in range(len(names), 0, -1):
        value = getattr(row, f"first_{size}")
        if value is msgspec.UNSET:
            continue
        if size == len(names) or value is None:
            return value
        if (inside := _value_of(value, names[size:])) is not msgspec.UNSET:
            return inside
    return msgspec.UNSET


def _value_in(row: dict[str, Any], names: Sequence[str]) -> Any:
    """The same of a row that Python's decoder has built. Raises TypeError if the column lies in no object."""
    if row is None:
        return None
    if not isinstance(row, dict):
        raise TypeError(row)
    for size in range(len(names), 0, -1):
        value = row.get(".".join(names[:size]), msgspec.UNSET)
        if size == len(names) or value is None:
            if value is not msgspec.UNSET:
                return value
        elif value is not msgspec.UNSET and (inside := _value_in(value, names[size:])) is not msgspec.UNSET:
            return inside
    return msgspec.UNSET


def _span_of(raw: msgspec.Raw, line: bytearray) -> Span:
    """Where a value stands in the line that it is a view of."""
    inside = np.frombuffer(raw, dtype=np.uint8)
    begin = inside.ctypes.data - np.frombuffer(line, dtype=np.uint8).ctypes.data
    return Span(begin, begin + len(inside))


def _in_place(line: bytearray, span: Span) -> pa.LargeStringArray | None:
    """The text of a long row, which is lost."""
    if line[span.begin] != QUOTE:
        return text_of(line, span)
    return one_text(line, 0, unescape(line, span))


# ---- where rows begin and end ---------------------------------------------------------------------------------------


def _rows(path: PurePath, file: BinaryIO | None = None) -> "Lines | Elements":
    data = chunks(path, file)
    first = next(data, b"")
    data = chain([first], data)
    if kind_of(path.name) == ".json" and (is_array := bool(ARRAY.match(first))) | bool(OVER_LINES.match(first)):
        return Elements(data, path, is_array)
    return Lines(data, path)


class Elements:
    """
    The elements of an array, or objects behind one another; TOO_LONG for one that is. number: of the last one, from 1.

    They are cut by strings and brackets alone: whether one is JSON is seen when its text is read.
    """

    def __init__(self, data: Iterable[bytes], path: PurePath, is_array: bool) -> None:
        self.number = 0
        self._data, self._path, self._is_array = data, path, is_array
        self._row, self._size = bytearray(), 0

    @property
    def place(self) -> str:
        """Of the last row, for a person."""
        return counted_from_1(self.number - 1)

    def __iter__(self) -> Iterator[Line]:
        """Raises TextError for an array or an object that is cut, and for what follows an array."""
        depth, begin, is_closed = 0, 0, False
        for chunk, at in self._marks():
            if at == len(chunk) or is_closed:
                self._add(chunk[begin : at + 1])
                begin = 0 if at == len(chunk) else at + 1
                continue
            mark = chunk[at]
            if mark in OPENING:
                depth += 1
                begin = at + 1 if self._is_array and depth == 1 else begin
            elif mark == COMMA:
                if self._is_array and depth == 1:
                    yield self._finished(chunk[begin:at])
                    begin = at + 1
            elif self._is_array and depth == 1 and mark == ARRAY_END:
                self._add(chunk[begin:at])
                if self.number or not self._is_blank():
                    yield self._finished(b"")
                is_closed, depth, begin = True, 0, at + 1
            elif depth == 1 and not self._is_array:
                yield self._finished(chunk[begin : at + 1])
                depth, begin = 0, at + 1
            else:  # one that closes nothing is seen when the row's text is read
                depth = max(depth - 1, int(self._is_array))
        if self._is_array and not is_closed:
            raise damaged(self._path, f"the array is cut in the middle of its element {self.number + 1}")
        if not self._is_blank():
            where = "more follows behind the array" if is_closed else f"cut in the middle of object {self.number + 1}"
            raise damaged(self._path, where)

    def _marks(self) -> Iterator[tuple[bytes, int]]:
        """Each bracket and comma outside strings, as a chunk and a place in it; the end of every chunk, too."""
        is_text, escaped = False, 0
        for chunk in filter(None, self._data):
            at, escaped = escaped, 0
            while at < len(chunk):
                if is_text:
                    inside = INSIDE.match(chunk, at)
                    at = inside.end() if inside else at
                    if chunk[at : at + 1] == b"\\":  # what it escapes is in the next chunk
                        at, escaped = len(chunk), 1
                    is_text = at == len(chunk)
                    at += 1
                    continue
                found = OUTSIDE.search(chunk, at)
                if found is None:
                    break
                at = found.end()
                is_text = chunk[at - 1] == QUOTE
                if not is_text:
                    yield chunk, at - 1
            yield chunk, len(chunk)

    def _add(self, piece: bytes) -> None:
        """Of the row."""
        self._size += len(piece)
        self._row = joined(self._row, piece, self._size)

    def _is_blank(self) -> bool:
        return self._size <= source.LONGEST_BYTES and is_blank(self._row)

    def _finished(self, piece: bytes) -> Line:
        """The row with its last piece."""
        self._add(piece)
        row = TOO_LONG if self._size > source.LONGEST_BYTES else self._row or b" "
        self._row, self._size = bytearray(), 0
        self.number += 1
        return row
