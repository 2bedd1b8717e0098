"""
Which rows are in a parquet file, and how many can be read at once?

Arrow reads as many rows at a time as it is told, whatever they hold, and a dictionary may hold one text of 400 kB for
a thousand rows. So the headers of a column's pages are read before: they say how many rows a page has and how large it
is. The next rows to read are as many as make about BATCH_BYTES. Where rows share a dictionary's entries they could all
be its longest one, so that up to 16 times as much is risked; what comes is cut by its true size.

A page can't be read in parts, so one of more than LONGEST_BYTES is refused.
"""

import io
import re
import struct
from collections.abc import Iterable, Iterator, Sequence
from pathlib import PurePath
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nano3.formats import source
from nano3.formats.columns import NAME_NOT_UTF8, find_column, is_dictionary, text_columns, with_texts
from nano3.formats.contents import HEAD_BYTES, check_head, opened
from nano3.formats.source import Notes, TextError, counted_from_1, damaged, first_line

BUFFER_BYTES = 2**20
HEADER_BYTES = 2**12  # enough for the header of nearly any page
LARGEST_HEADER_BYTES = 2**24
RISK = 16
FOOTER_END_BYTES = 8  # its size, and PAR1
UNREADABLE = re.compile("not (?:yet )?implemented", re.IGNORECASE)
DATA_PAGE, DICTIONARY_PAGE, DATA_PAGE_V2 = 0, 2, 3
PLAIN, DELTA, DICTIONARY_CODED = 0, 7, (2, 8)


class PageHeader(NamedTuple):
    """
    kind: see DATA_PAGE. size, stored: bytes without and with compression. rows, encoding: of its values. begin: where
    the page itself begins.
    """

    kind: int
    size: int
    stored: int
    rows: int
    encoding: int
    begin: int


def count_parquet(path: PurePath, file: BinaryIO | None) -> int:
    """Rows of a file, by its footer. file: itself, if path is not local."""
    return int(_open(path, file).metadata.num_rows)


def read_parquet(path: PurePath, notes: Notes) -> Iterator[pa.LargeStringArray]:
    """The text column of a file, in batches of about BATCH_BYTES."""
    file = _open(path, None)
    notes.add_keys(text_columns(file.schema_arrow))
    place = find_column(file.schema_arrow, notes.column, path)
    leaf = _leaf(pa.struct(list(file.schema_arrow)), place)
    if is_dictionary(file.schema_arrow, place):
        file = _with_plain_strings(path)
    row = 0
    try:
        for column in _columns(file, leaf, _steps(path, file.metadata, leaf)):
            inside = pc.struct_field(column, [0] * (len(place) - 1)) if len(place) > 1 else column
            yield from with_texts(inside, row, notes, counted_from_1)
            row += len(column)
            del column, inside  # free a huge one before the next is read
    except (pa.ArrowException, OSError) as error:
        if UNREADABLE.search(str(error)):
            what = f"the file is whole, but pyarrow can't read its column {notes.column!r}"
            raise TextError(f"{path}: {what} ({first_line(error)}): write the column as plain strings") from None
        raise damaged(path, f"{counted_from_1(row)} and following: {error}") from None
    if row != file.metadata.num_rows:
        raise damaged(path, f"has {row} rows where its footer counts {file.metadata.num_rows}")


def _columns(file: pq.ParquetFile, leaf: int, steps: Iterable[int]) -> Iterator[pa.Array]:
    """A column in arrays of so many rows, or in several where its dictionary changes."""
    batches: Iterator[pa.RecordBatch] | None = None
    for rows in steps:
        if batches is None:
            groups = list(range(file.metadata.num_row_groups))
            batches = file.reader.iter_batches(rows, row_groups=groups, column_indices=[leaf], use_threads=True)
        file.reader.set_batch_size(rows)  # holds when Arrow reads on
        left = rows
        while left > 0 and (batch := next(batches, None)) is not None:
            left -= len(batch)
            yield batch.column(0)
            del batch


def _open(path: PurePath, file: BinaryIO | None) -> pq.ParquetFile:
    if file is None:
        with opened(path) as raw:
            check_head(path, raw.read(HEAD_BYTES), path.name)
    try:
        opening = pq.ParquetFile(file or path, pre_buffer=False, buffer_size=BUFFER_BYTES)
        opening.schema_arrow  # noqa: B018  # raises for types that Arrow does not know
    except (pa.ArrowException, OSError) as error:
        raise damaged(path, f"not a whole parquet file: {error}") from None
    except UnicodeDecodeError:
        raise damaged(path, NAME_NOT_UTF8) from None
    return opening


def _with_plain_strings(path: PurePath) -> pq.ParquetFile:
    """
    A file without the types that Arrow notes in its footer: a dictionary is read as plain strings.

    pyarrow reads no dictionary inside a struct over several row groups, and none whose pages have a DELTA encoding.
    """
    with opened(path) as raw:
        raw.seek(-FOOTER_END_BYTES, io.SEEK_END)
        end = raw.read()
        (size,) = struct.unpack("<I", end[:4])
        raw.seek(-FOOTER_END_BYTES - size, io.SEEK_END)
        footer = raw.read(size).replace(b"ARROW:schema", b"ARROW:unread")
    metadata = pq.read_metadata(io.BytesIO(b"PAR1" + footer + end))
    return pq.ParquetFile(path, metadata=metadata, pre_buffer=False, buffer_size=BUFFER_BYTES)


def _leaf(table: pa.StructType, place: list[int]) -> int:
    """Number of a field among all columns that parquet stores: those without fields of their own."""
    first, *inside = place
    before = sum(_leaves(table.field(number).type) for number in range(first))
    return before + _leaf(table.field(first).type, inside) if inside else before


def _leaves(kind: Any) -> int:
    if isinstance(kind, pa.BaseExtensionType):
        return _leaves(kind.storage_type)
    if pa.types.is_struct(kind):
        return sum(_leaves(field.type) for field in kind)
    if pa.types.is_map(kind):
        return _leaves(kind.key_type) + _leaves(kind.item_type)
    return _leaves(kind.value_type) if pa.types.is_nested(kind) else 1


# ---- how many rows at a time ----------------------------------------------------------------------------------------


def _steps(path: PurePath, metadata: pq.FileMetaData, leaf: int) -> Iterator[int]:
    """How many rows to read at a time, until all are. Raises TextError for a page that is too large."""
    rows, size = 0, 0.0
    for count, row_bytes in _estimates(path, metadata, leaf):
        left = count
        while left:
            fitting = int((source.BATCH_BYTES - size) // row_bytes) if row_bytes else left
            taken = min(left, source.LARGEST_BATCH_ROWS - rows, max(fitting, 0 if rows else 1))
            rows, size, left = rows + taken, size + taken * row_bytes, left - taken
            if not taken or rows == source.LARGEST_BATCH_ROWS:
                yield rows
                rows, size = 0, 0.0
    if rows:
        yield rows


def _estimates(path: PurePath, metadata: pq.FileMetaData, leaf: int) -> Iterator[tuple[int, float]]:
    """Rows that follow one another, and the bytes that each is to count as."""
    with opened(path) as raw:
        for number in range(metadata.num_row_groups):
            chunk, left = metadata.row_group(number).column(leaf), metadata.row_group(number).num_rows
            pages = list(_pages(raw, chunk, left))
            for page in pages:
                _check_size(path, page)
            entry_bytes = _entry_bytes(raw, chunk, pages)
            for page in pages:
                if page.kind == DICTIONARY_PAGE:
                    continue
                rows = min(page.rows, left)
                left -= rows
                if page.encoding in DICTIONARY_CODED:
                    yield rows, entry_bytes
                else:
                    yield rows, page.size / (RISK if page.encoding == DELTA else max(1, page.rows))
            yield left, source.BATCH_BYTES / RISK  # of pages whose headers nobody could read


def _check_size(path: PurePath, page: PageHeader) -> None:
    most = source.LONGEST_BYTES // (2 if page.kind == DICTIONARY_PAGE else 1)  # Arrow holds two of it
    if page.size > most:
        raise TextError(
            f"{path}: a page of its column holds {page.size:,} bytes, more than {most:,}, the most that is read at once"
            ": write the file with smaller pages or row groups"
        )


def _entry_bytes(raw: BinaryIO, chunk: pq.ColumnChunkMetaData, pages: Sequence[PageHeader]) -> float:
    """The bytes that a row is to count as whose text is an entry of the dictionary."""
    dictionary = next((page for page in pages if page.kind == DICTIONARY_PAGE), None)
    if dictionary is None:
        return 0.0
    mean = dictionary.size / max(1, dictionary.rows)
    rows = sum(page.rows for page in pages if page.encoding in DICTIONARY_CODED and page is not dictionary)
    repeated = max(0, rows - dictionary.rows)
    if (repeated + 1) * dictionary.size <= RISK * source.BATCH_BYTES:  # ordinary text: hardly a row is there twice
        return mean
    return max(mean, _longest_entry(raw, chunk, dictionary) / RISK)


def _longest_entry(raw: BinaryIO, chunk: pq.ColumnChunkMetaData, dictionary: PageHeader) -> int:
    """Bytes of a dictionary's longest entry, or of all of them if it is compressed in a way of its own."""
    raw.seek(dictionary.begin)
    data = raw.read(dictionary.stored)
    try:
        if chunk.compression != "UNCOMPRESSED":
            data = pa.decompress(data, dictionary.size, chunk.compression.lower(), asbytes=True)
        longest = at = 0
        for _ in range(dictionary.rows):
            (size,) = struct.unpack_from("<I", data, at)
            longest, at = max(longest, size), at + 4 + size
    except (pa.ArrowException, OSError, ValueError, struct.error):
        return dictionary.size
    return longest


def _pages(raw: BinaryIO, chunk: pq.ColumnChunkMetaData, rows: int) -> Iterator[PageHeader]:
    """Headers of a column's pages in a row group, as far as they can be read."""
    offsets = (chunk.dictionary_page_offset or 0, chunk.data_page_offset)
    at = min((offset for offset in offsets if offset > 0), default=0)
    while rows > 0 and (page := _read_header(raw, at)):
        if page.kind in (DATA_PAGE, DATA_PAGE_V2):
            rows -= page.rows
        if page.kind in (DATA_PAGE, DATA_PAGE_V2, DICTIONARY_PAGE):
            yield page
        at = page.begin + page.stored


def _read_header(raw: BinaryIO, at: int) -> PageHeader | None:
    """The page header at an offset of a file; None if there is none."""
    size = HEADER_BYTES
    while size <= LARGEST_HEADER_BYTES:
        raw.seek(at)
        data = raw.read(size)
        try:
            return _page_header(data, at)
        except IndexError:  # statistics in it may be long
            if len(data) < size:
                return None
            size *= 16
        except (AttributeError, KeyError, ValueError, TypeError, RecursionError):  # any bytes may stand here
            return None
    return None


def _page_header(data: bytes, at: int) -> PageHeader:
    """parquet-format's PageHeader. at: where it is in the file. Raises IndexError if there is more of it than data."""
    fields, length = _thrift_struct(data, 0)
    kind, size, stored = fields[1], fields[2], fields[3]
    values = fields.get({DATA_PAGE: 5, DICTIONARY_PAGE: 7, DATA_PAGE_V2: 8}.get(kind, -1), {1: 0})
    encoding = values.get(4 if kind == DATA_PAGE_V2 else 2, PLAIN)
    if min(size, stored, values[1]) < 0:
        raise ValueError("sizes are not negative")
    return PageHeader(kind, size, stored, values[1], encoding, at + length)


def _thrift_struct(data: bytes, at: int) -> tuple[dict[int, Any], int]:
    """A struct of Thrift's compact protocol as field number: value, and where it ends."""
    fields: dict[int, Any] = {}
    number = 0
    while data[at]:
        kind, step = data[at] & 15, data[at] >> 4
        number, at = (number + step, at + 1) if step else _zigzag(data, at + 1)
        fields[number], at = _thrift_value(data, at, kind)
    return fields, at + 1


def _thrift_value(data: bytes, at: int, kind: int) -> tuple[Any, int]:
    match kind:
        case 1 | 2:  # a bool is its type
            return kind == 1, at
        case 3:
            return data[at], at + 1
        case 4 | 5 | 6:
            return _zigzag(data, at)
        case 7:
            return None, at + 8
        case 8:
            size, at = _varint(data, at)
            return None, at + size
        case 12:
            return _thrift_struct(data, at)
    raise ValueError(f"a page header has no field of type {kind}")


def _zigzag(data: bytes, at: int) -> tuple[int, int]:
    value, at = _varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 0x7F) << shift
        shift, at = shift + 7, at + 1
        if not data[at - 1] & 0x80:
            return value, at
