"""
Which rows are in a file of lines: plain text, csv or tsv?

One line is held at a time, up to LONGEST_BYTES; a longer one is read over without being held, and is a bad row. Blank
lines are no rows. What a person is told is the line's number in the file, from 1.

csv and tsv are read strictly: a header, UTF-8, fields that hold a separator, a line break or a quotation mark in
quotation marks, and as many fields in every row as in the header.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import BinaryIO, NamedTuple

import pyarrow as pa

from nano3.formats import source
from nano3.formats.columns import checked, one_text, texts_of
from nano3.formats.contents import chunks
from nano3.formats.source import Document, Notes, RowError, TextError, damaged, kind_of

SEPARATORS = {".csv": ",", ".tsv": "\t"}
EMPTY = (b"", b"\r")  # rows of csv and tsv that are none: others may be separators alone
PIECE_BYTES = 2**20
TOO_LONG = b""  # equals what stands for a row that is longer than LONGEST_BYTES

Line = bytes | bytearray


class Lines:
    """
    The rows of a file in order; TOO_LONG for one that is. number: of the line where the last one began, from 1.

    quoted: a line break between two quotation marks is part of a row.
    """

    def __init__(self, data: Iterable[bytes], path: PurePath, quoted: bool = False) -> None:
        self.number = 0
        self._data, self._path, self._quoted = data, path, quoted

    @property
    def place(self) -> str:
        """Of the last row, for a person."""
        return f"line {self.number}"

    def __iter__(self) -> Iterator[Line]:
        """Raises TextError for a quotation mark that is never closed."""
        return self._quoted_rows() if self._quoted else self._plain_rows()

    def _plain_rows(self) -> Iterator[Line]:
        rest, size = bytearray(), 0
        for chunk in self._data:
            first, *others = chunk.split(b"\n")
            size += len(first)
            rest = joined(rest, first, size)
            if not others:
                continue
            self.number += 1
            if size > source.LONGEST_BYTES or not is_blank(rest):
                yield rest
            rest = bytearray(others.pop())
            size = len(rest)
            for self.number, line in enumerate(others, self.number + 1):  # noqa: B020
                if line.strip():
                    yield line
        self.number += 1
        if size > source.LONGEST_BYTES or not is_blank(rest):
            yield rest

    def _quoted_rows(self) -> Iterator[Line]:
        row, size, is_open, line = bytearray(), 0, False, 1
        self.number = 1
        for chunk in self._data:
            for place, part in enumerate(chunk.split(b"\n")):
                piece = part
                if place:
                    line += 1
                    if is_open:
                        piece = b"\n" + part
                    else:
                        if size > source.LONGEST_BYTES or row not in EMPTY:
                            yield row
                        row, size, self.number = bytearray(), 0, line
                is_open ^= bool(part.count(b'"') % 2)
                size += len(piece)
                row = joined(row, piece, size)
        if is_open:
            raise damaged(self._path, f"line {self.number}: a quotation mark opens a field and is never closed")
        if size > source.LONGEST_BYTES or row not in EMPTY:
            yield row


def joined(row: bytearray, piece: bytes, size: int) -> bytearray:
    """A row with what follows of it, or TOO_LONG once it is. size: of both."""
    if size > source.LONGEST_BYTES:
        return bytearray(TOO_LONG)
    row += piece
    return row


def is_blank(row: Line) -> bool:
    """True if there is nothing in a row. bytes.strip would copy a huge one."""
    return not row or row.isspace()


def too_long() -> str:
    """What is wrong with a row that is TOO_LONG."""
    return f"it is longer than {source.LONGEST_BYTES:,} bytes, the longest row that is read"


# ---- plain text -----------------------------------------------------------------------------------------------------


def read_plain(path: PurePath, notes: Notes) -> Iterator[pa.LargeStringArray]:
    """The text of a .txt file, in batches: a document is the whole file or a line, as the dataset says."""
    notes.source.column_for(path)
    if notes.source.document == "line":
        yield from _batches(_plain_values(path, notes), notes)
        return
    text, size = bytearray(), 0
    for chunk in chunks(path):
        size += len(chunk)
        text = joined(text, chunk, size)
    if size > source.LONGEST_BYTES:
        notes.add_bad(0, "the whole file", too_long())
        yield texts_of([None])
    elif size:
        yield checked(one_text(text, 0, size), 0, notes, lambda _row: "the whole file")


def count_plain(path: PurePath, file: BinaryIO | None, document: Document) -> int:
    """Rows of a .txt file. file: itself, if path is not local."""
    if document == "line":
        return sum(1 for _ in Lines(chunks(path, file), path))
    return int(sum(len(chunk) for chunk in chunks(path, file)) > 0)


class _Value(NamedTuple):
    """The text of a row, or None for none: bytes begin to end - 1 of a buffer. number: of its line."""

    buffer: Line | None
    begin: int
    end: int
    number: int


def _plain_values(path: PurePath, notes: Notes) -> Iterator[_Value]:
    lines = Lines(chunks(path), path)
    for row, line in enumerate(lines):
        if not line:
            notes.add_bad(row, lines.place, too_long())
        yield _Value(line or None, 0, len(line) - line.endswith(b"\r"), lines.number)


def _batches(values: Iterable[_Value], notes: Notes) -> Iterator[pa.LargeStringArray]:
    """Texts in batches of about BATCH_BYTES. A larger one is a batch of its own, and is not copied."""
    first, size = 0, 0
    texts: list[bytes | None] = []
    numbers: list[int] = []
    for value in values:
        is_long = value.end - value.begin > source.BATCH_BYTES
        if texts and (is_long or size >= source.BATCH_BYTES or len(texts) == source.LARGEST_BATCH_ROWS):
            yield checked(texts_of(texts), first, notes, _places(numbers, first))
            first += len(texts)
            texts, numbers, size = [], [], 0
        if is_long and value.buffer is not None:
            text = one_text(value.buffer, value.begin, value.end)
            yield checked(text, first, notes, _places([value.number], first))
            first += 1
            del text
        else:
            texts.append(None if value.buffer is None else bytes(value.buffer[value.begin : value.end]))
            numbers.append(value.number)
            size += value.end - value.begin
        del value  # free a huge one before the next is read
    if texts:
        yield checked(texts_of(texts), first, notes, _places(numbers, first))


def _places(numbers: list[int], first: int) -> Callable[[int], str]:
    """Where a row of a batch is, for a person."""
    return lambda row: f"line {numbers[row - first]}"


# ---- csv and tsv ----------------------------------------------------------------------------------------------------


def read_delimited(path: PurePath, notes: Notes) -> Iterator[pa.LargeStringArray]:
    """The text column of a .csv or .tsv, in batches. Raises TextError for a header without the column."""
    return _batches(_delimited_values(path, notes), notes)


def count_delimited(path: PurePath, file: BinaryIO | None) -> int:
    """Rows of a .csv or .tsv below its header. file: itself, if path is not local."""
    return max(0, sum(1 for _ in Lines(chunks(path, file), path, quoted=True)) - 1)


def _delimited_values(path: PurePath, notes: Notes) -> Iterator[_Value]:
    separator = SEPARATORS[kind_of(path.name)]
    column, fields = notes.column, _Fields(separator)
    lines = Lines(chunks(path), path, quoted=True)
    rows = iter(lines)
    names = _header(next(rows, None), fields, path)
    if not names:
        return
    notes.add_keys(names)
    if names.count(column) != 1:
        raise _no_column(path, column, names)
    place = names.index(column)
    for row, line in enumerate(rows):
        try:
            if not line:
                raise RowError(too_long())
            yield _Value(*fields.value(line, place, len(names)), lines.number)
        except RowError as error:
            notes.add_bad(row, lines.place, error)
            yield _Value(None, 0, 0, lines.number)


def _header(line: Line | None, fields: "_Fields", path: PurePath) -> list[str]:
    if line is None:
        return []
    try:
        return [str(line[begin:end], "utf-8").replace('""', '"') for begin, end in fields.spans(line)]
    except UnicodeDecodeError as error:
        raise damaged(path, f"line 1: byte {error.object[error.start]:#04x} in the header is not UTF-8") from None
    except RowError as error:
        raise damaged(path, f"line 1: the header can't be read: {error}") from None


def _no_column(path: PurePath, column: str, names: list[str]) -> TextError:
    if times := names.count(column):
        return TextError(f"{path}: has {times} columns {column!r}: write it with one of each name")
    other = next((mark for mark in (";", "\t", "|", ",") if len(names) == 1 and mark in names[0]), None)
    hint = f"; its fields seem to be separated by {other!r}: write it as .csv with ',' or as .tsv" if other else ""
    return TextError(f"{path}: no column {column!r}; text_column must be one of: {', '.join(names)}{hint}")


class _Fields:
    """The fields of a row of csv or tsv."""

    def __init__(self, separator: str) -> None:
        mark = separator.encode()
        self._separator = mark
        field = rb'(?:"(?P<quoted>[^"]*+(?:""[^"]*+)*+)"|(?P<plain>[^"%b]*+))(?P<end>%b|\Z)' % (mark, mark)
        self._field = re.compile(field)

    def spans(self, line: Line) -> Iterator[tuple[int, int]]:
        """Where each field begins and ends, inside its quotation marks. Raises RowError for one that is not right."""
        at, is_last, end = 0, False, len(line) - line.endswith(b"\r")
        while not is_last:
            field = self._field.match(line, at, end)
            if field is None:
                raise RowError(
                    "a quotation mark stands inside a field: a field with one must be in quotation marks and the mark "
                    "itself be written twice"
                )
            yield field.span("plain" if field.start("quoted") < 0 else "quoted")
            at, is_last = field.end(), field["end"] != self._separator

    def value(self, line: Line, place: int, count: int) -> tuple[Line, int, int]:
        """A field: the buffer that it lies in, and where. Raises RowError for another count of fields."""
        if b'"' not in line:
            return self._plain_value(line, place, count)
        spans = list(self.spans(line))
        _check_count(len(spans), count)
        begin, end = spans[place]
        if line.find(b'""', begin, end) < 0:
            return line, begin, end
        buffer = line if isinstance(line, bytearray) else bytearray(line)
        return buffer, 0, _with_single_marks(buffer, begin, end)

    def _plain_value(self, line: Line, place: int, count: int) -> tuple[Line, int, int]:
        """A field of a row without quotation marks."""
        _check_count(line.count(self._separator) + 1, count)
        begin = 0
        for _ in range(place):
            begin = line.index(self._separator, begin) + 1
        end = line.find(self._separator, begin)
        return line, begin, end if end >= 0 else len(line) - line.endswith(b"\r")


def _check_count(fields: int, expected: int) -> None:
    if fields != expected:
        raise RowError(f"has {fields} field{'s' * (fields != 1)} where the header has {expected}")


def _with_single_marks(buffer: bytearray, begin: int, end: int) -> int:
    """Write a quoted field over the beginning of its buffer, each pair of quotation marks as one. Returns its size."""
    size = 0
    while begin < end:
        stop = min(begin + PIECE_BYTES, end)
        stop += buffer.count(b'"', begin, stop) % 2  # not between the two of a pair
        piece = buffer[begin:stop].replace(b'""', b'"')
        buffer[size : size + len(piece)] = piece
        begin, size = stop, size + len(piece)
    return size
