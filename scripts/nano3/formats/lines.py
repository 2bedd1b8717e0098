"""
Which rows are in a file of lines: plain text, csv or tsv?

One line is held at a time, up to LONGEST_BYTES; a longer one is read over without being held, and is a bad row. Blank
lines are no rows. What a person is told is the line's number in the file, from 1.

csv and tsv are read strictly: a header, UTF-8, fields that hold a separator, a line break or a quotation mark in
quotation marks, and as many fields in every row as in the header. A quotation mark opens a field at its beginning
alone: one inside a field makes that line a bad row, and no other. One that is a character but begins a field takes the
lines behind it into its row, up to the next mark. So a bad row of several lines is an error in any case, and so is a
field of LONGEST_FIELD_LINES whose lines look like rows.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import PurePath
from typing import BinaryIO, NamedTuple

import pyarrow as pa

from nano3.formats import source
from nano3.formats.columns import checked, one_text, texts_of
from nano3.formats.contents import chunks
from nano3.formats.source import Document, Notes, RowError, TextError, damaged, kind_of, listed

SEPARATORS = {".csv": ",", ".tsv": "\t"}
EMPTY = (b"", b"\r")  # rows of csv and tsv that are none: others may be separators alone
PIECE_BYTES = 2**20
CR_BYTES = 2**16  # of a file in which a line ends
LONGEST_FIELD_LINES = 1000
LIKE_ROWS = 0.9  # share of a field's lines that are as long as rows, from which on they are taken for some
TOO_LONG = b""  # equals what stands for a row that is longer than LONGEST_BYTES

QUOTE = ord('"')
INSIDE = re.compile(rb'[^"]*+(?:""[^"]*+)*+')  # of a quoted field
# Where a row of csv or tsv is read to: the beginning of a field, inside one without quotation marks or one with them,
# behind the mark that closes one, or behind a mark that should not be there.
BEGIN, PLAIN, OPEN, CLOSED, WRONG = range(5)

Line = bytes | bytearray


class Lines:
    """
    The rows of a file in order; TOO_LONG for one that is. number: of the line where the last one began, from 1.

    separator: of fields, if a line break in a quoted one is part of a row. lines: of the last row.
    """

    def __init__(self, data: Iterable[bytes], path: PurePath, separator: str = "") -> None:
        self.number = 0
        self.lines = 1
        self._data, self._path, self._separator = _with_lf(data, path), path, separator.encode()

    @property
    def place(self) -> str:
        """Of the last row, for a person."""
        return f"line {self.number}"

    def __iter__(self) -> Iterator[Line]:
        """Raises TextError for lines that end in CR alone, and a quotation mark that closes too late or never."""
        return self._quoted_rows() if self._separator else self._plain_rows()

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
        row, size, line, marks = bytearray(), 0, 1, _Marks(self._separator)
        self.number = 1
        for chunk in self._data:
            for place, part in enumerate(chunk.split(b"\n")):
                piece = part
                if place:
                    line += 1
                    if marks.state == OPEN:
                        piece = b"\n" + part
                        if marks.swallow_rows(part):
                            raise self._swallowed(line - marks.lines)
                    else:
                        if size > source.LONGEST_BYTES or row not in EMPTY:
                            self.lines = line - self.number
                            marks.add_row(row)
                            yield row
                        row, size, self.number = bytearray(), 0, line
                        marks.state = BEGIN
                marks.read(part)
                size += len(piece)
                row = joined(row, piece, size)
        if marks.state == OPEN:
            where = f"line {line - marks.lines}"
            raise damaged(self._path, f"{where}: a quotation mark opens a field and is never closed")
        if size > source.LONGEST_BYTES or row not in EMPTY:
            self.lines = line - self.number + 1
            yield row

    def _swallowed(self, line: int) -> TextError:
        what = "the quotation mark that opens a field is probably a character"
        why = f"{LONGEST_FIELD_LINES:,} lines behind it look like rows"
        remedy = 'write it as "" in a field that is in quotation marks itself'
        return damaged(self._path, f"line {line}: {what}, as {why}: {remedy}")


class _Marks:
    """
    Which quotation marks open a field, and which close one? Told as a row's parts come.

    state: see BEGIN. lines: that the last quoted field has so far, but its first.
    """

    def __init__(self, separator: bytes) -> None:
        self.state = BEGIN
        self.lines = 0
        self._separator = separator
        self._plain = re.compile(rb'[^"%b]*+' % separator)
        field = rb'(?:"[^"]*+(?:""[^"]*+)*+"|[^"%b]*+)' % separator
        self._fields = re.compile(rb"(?:%b%b)*+%b" % (field, separator, field))  # all of a line that is right
        self._separators: int | None = None  # in the header
        self._like_rows = 0

    def add_row(self, row: Line) -> None:
        """A row is whole."""
        if self._separators is None:
            self._separators = row.count(self._separator)

    def swallow_rows(self, line: bytes) -> bool:
        """A quoted field goes on in a line. True if its lines are rather rows."""
        self.lines += 1
        self._like_rows += line.count(self._separator) == self._separators
        return self.lines >= LONGEST_FIELD_LINES and self._like_rows >= LIKE_ROWS * self.lines

    def read(self, part: bytes) -> None:
        """More of a line."""
        if b'"' not in part:
            if self.state == CLOSED and part:
                self.state = PLAIN if part.startswith(self._separator) else WRONG
            if self.state in (BEGIN, PLAIN) and part:
                self.state = BEGIN if part.endswith(self._separator) else PLAIN
            return
        if self.state == BEGIN and (fields := self._fields.match(part)) and fields.end() == len(part):  # the usual line
            self.state = CLOSED if part.endswith(b'"') else BEGIN if part.endswith(self._separator) else PLAIN
            self.lines, self._like_rows = 0, 0
            return
        at = 0
        while at < len(part) and self.state != WRONG:
            at = self._next(part, at)

    def _next(self, part: bytes, at: int) -> int:
        """Read from a place on as long as the state is the same, and a byte more. Returns the place behind it."""
        if self.state == OPEN:
            inside = INSIDE.match(part, at)
            end = inside.end() if inside else at
            self.state = OPEN if end == len(part) else CLOSED
            return end + 1
        if self.state == BEGIN and part[at] == QUOTE:
            self.state, self.lines, self._like_rows = OPEN, 0, 0
            return at + 1
        if self.state == CLOSED and part[at] == QUOTE:  # the second of a pair
            self.state = OPEN
            return at + 1
        plain = self._plain.match(part, at)
        end = at if self.state == CLOSED or plain is None else plain.end()
        if end == len(part):
            self.state = PLAIN
        else:
            self.state = BEGIN if part[end : end + 1] == self._separator else WRONG
        return end + 1


def _with_lf(data: Iterable[bytes], path: PurePath) -> Iterator[bytes]:
    """The same bytes. Raises TextError if CR alone ends the lines."""
    data, seen, held = iter(data), b"", []
    for chunk in data:
        held.append(chunk)
        seen += chunk
        if len(seen) >= CR_BYTES or b"\n" in chunk:
            break
    seen = seen[:CR_BYTES].removesuffix(b"\r") if len(seen) >= CR_BYTES else seen  # LF may follow
    if b"\r" in seen and b"\n" not in seen:
        raise TextError(f"{path}: its lines end in CR alone: convert them to LF, then pin its dataset again")
    yield from held
    del held
    yield from data


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
    return max(0, sum(1 for _ in Lines(chunks(path, file), path, SEPARATORS[kind_of(path.name)])) - 1)


def _delimited_values(path: PurePath, notes: Notes) -> Iterator[_Value]:
    separator = SEPARATORS[kind_of(path.name)]
    column, fields = notes.column, _Fields(separator)
    lines = Lines(chunks(path), path, separator)
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
            if lines.lines == 1:
                notes.add_bad(row, lines.place, error)
            else:
                why = f"the row has {lines.lines:,} lines, and a quotation mark may have taken in others"
                notes.add_unbounded(row, lines.place, f"{error}; {why}")
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
    return TextError(f"{path}: no column {column!r}; text_column must be one of: {listed(names)}{hint}")


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
