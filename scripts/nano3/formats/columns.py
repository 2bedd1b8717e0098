"""
Which column of a table is the text, and what is the text of its rows?

Text may be stored in many types: string, large_string, string_view, binary, large_binary or binary_view that holds
UTF-8, a dictionary of any of these, an extension type over them such as JSON, or nulls alone. All become large_string.
A row that is not UTF-8 is a bad row.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from nano3.core.arrow import int64_values
from nano3.formats import source
from nano3.formats.source import Notes, TextError, damaged, listed

NAME_NOT_UTF8 = "the name of a column is not UTF-8"
AS_BYTES = {pa.string(): pa.binary(), pa.large_string(): pa.large_binary(), pa.string_view(): pa.binary_view()}
VIEW_INTS = 4  # int32 of a string view; its first is the size


def find_column(schema: pa.Schema, column: str, path: PurePath) -> list[int]:
    """
    Place of the text column in a schema, and of the field in each struct on the way to it.

    Raises TextError, with the columns that are text, if there is none, if its name stands for two, or if it is not
    text.
    """
    table = pa.struct(list(schema))
    place = _find_in(table, column.split("."), path)
    if place is None:
        raise TextError(f"{path}: no column {column!r}; text_column must be one of: {listed(text_columns(schema))}")
    kind: Any = table
    for number in place:
        kind = _unwrapped(kind.field(number).type)
    if not is_text(kind):
        raise TextError(
            f"{path}: column {column!r} holds {kind}, not text; columns of text are: {listed(text_columns(schema))}"
        )
    return place


def is_dictionary(schema: pa.Schema, place: list[int]) -> bool:
    """True if the column at a place holds a dictionary. place: see find_column."""
    kind: Any = pa.struct(list(schema))
    for number in place:
        kind = _unwrapped(kind.field(number).type)
    return bool(pa.types.is_dictionary(kind))


def text_columns(schema: pa.Schema) -> list[str]:
    """Names of columns that may hold text and of such fields inside columns, as column.field."""
    return list(_names(pa.struct(list(schema)), ""))


def is_text(kind: pa.DataType) -> bool:
    """True if a type may hold text."""
    kind = _unwrapped(kind)
    if pa.types.is_dictionary(kind):
        return is_text(kind.value_type)
    return kind == pa.null() or any(same(kind) for same in (*_TEXT, *_BYTES))


def with_texts(
    column: pa.Array, first: int, notes: Notes, place: Callable[[int], str]
) -> Iterator[pa.LargeStringArray]:
    """
    The text of a column's rows, in batches of about BATCH_BYTES however often a dictionary repeats a long one.

    first: number of its first row. place: of a row by its number, for a person. Rows that are not UTF-8 are bad.
    Raises ArrowInvalid for a damaged array.
    """
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    _check_places(column)
    for piece in _pieces(column):
        texts = _as_text(piece)
        yield checked(texts, first, notes, place)
        first += len(piece)
        del piece, texts  # free a huge one before the next is read


def checked(texts: pa.LargeStringArray, first: int, notes: Notes, place: Callable[[int], str]) -> pa.LargeStringArray:
    """The same texts; null where one is not UTF-8, which is a bad row. first, place: see with_texts."""
    try:
        texts.validate(full=True)
    except pa.ArrowInvalid:
        return _without_bad(texts, first, notes, place)
    return texts


def texts_of(values: Sequence[bytes | None]) -> pa.LargeStringArray:
    """Unchecked UTF-8 as an array; None as null."""
    sizes = np.array([len(value or b"") for value in values], dtype=np.int64)
    offsets = np.concatenate([np.zeros(1, dtype=np.int64), np.cumsum(sizes)])
    present = None
    if None in values:
        present = pa.py_buffer(np.packbits([value is not None for value in values], bitorder="little"))
    data = pa.py_buffer(b"".join(value for value in values if value))
    return pa.LargeStringArray.from_buffers(len(values), pa.py_buffer(offsets), data, present)


def one_text(buffer: bytes | bytearray, begin: int, end: int) -> pa.LargeStringArray:
    """The text that bytes begin to end - 1 of a buffer are, without a copy."""
    return pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([begin, end])), pa.py_buffer(buffer))


def _find_in(table: pa.StructType, names: Sequence[str], path: PurePath) -> list[int] | None:
    """The place of a column by its name at its dots: a name with dots in it goes before a field inside a column."""
    for size in range(len(names), 0, -1):
        name = ".".join(names[:size])
        places = table.get_all_field_indices(name)
        if len(places) > 1:
            raise TextError(f"{path}: has {len(places)} columns {name!r}: write it with one of each name")
        if places and size == len(names):
            return [places[0]]
        kind = table.field(places[0]).type if places else None
        if places and pa.types.is_struct(kind) and (inside := _find_in(kind, names[size:], path)) is not None:
            return [places[0], *inside]
    return None


def _names(table: pa.StructType, before: str) -> Iterator[str]:
    for field in table:
        if pa.types.is_struct(field.type):
            yield from _names(field.type, f"{before}{field.name}.")
        elif is_text(field.type):
            yield before + field.name


def _unwrapped(kind: pa.DataType) -> pa.DataType:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


_TEXT = (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view)
_BYTES = (pa.types.is_binary, pa.types.is_large_binary, pa.types.is_binary_view)


def _is_view(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string_view(kind) or pa.types.is_binary_view(kind))


def _check_places(column: pa.Array) -> None:
    """Raises ArrowInvalid for offsets, views or indices that lead out of the data: Arrow would follow them."""
    column.validate()
    if pa.types.is_dictionary(column.type):
        _check_places(column.dictionary)
        entries = pa.nulls(len(column.dictionary))
        pa.DictionaryArray.from_arrays(column.indices, entries, safe=False).validate(full=True)
    else:
        column.view(AS_BYTES.get(column.type, column.type)).validate(full=True)


def _pieces(column: pa.Array) -> Iterator[pa.Array]:
    """A column in slices of about BATCH_BYTES of decoded text, or of a row that is larger."""
    fits = len(column) <= source.LARGEST_BATCH_ROWS and column.nbytes <= 2 * source.BATCH_BYTES
    if fits and not pa.types.is_dictionary(column.type) and not _is_view(column.type):
        yield column
        return
    ends = np.cumsum(_sizes(column))
    begin, done = 0, 0
    while begin < len(column):
        end = int(np.searchsorted(ends, done + source.BATCH_BYTES, side="right"))
        end = min(max(end, begin + 1), begin + source.LARGEST_BATCH_ROWS, len(column))
        yield column.slice(begin, end - begin)
        begin, done = end, int(ends[end - 1])


def _sizes(column: pa.Array) -> npt.NDArray[np.int64]:
    """Bytes of each row once it is text, shape [rows]."""
    if pa.types.is_dictionary(column.type):
        entries = np.append(_sizes(column.dictionary), 0)
        return entries[int64_values(column.indices.cast(pa.int64()), null=len(entries) - 1)]
    if column.type == pa.null():
        return np.zeros(len(column), dtype=np.int64)
    if _is_view(column.type):
        sizes = np.frombuffer(column.buffers()[1], dtype=np.int32)[::VIEW_INTS]
        return sizes[column.offset : column.offset + len(column)].astype(np.int64)
    return int64_values(pc.binary_length(_as_text(column)), null=0)


def _as_text(column: pa.Array) -> pa.LargeStringArray:
    """A column of any type of text, not yet checked to be UTF-8."""
    if pa.types.is_dictionary(column.type):
        entries = column.dictionary
        entries = _as_text(entries) if _is_view(entries.type) else entries  # Arrow takes nothing from a view
        column = pa.DictionaryArray.from_arrays(column.indices, entries).dictionary_decode()
    if column.type == pa.null() or pa.types.is_string(column.type):
        return column.cast(pa.large_string())
    if pa.types.is_string_view(column.type):  # a cast to large_string would raise for bytes that are not UTF-8
        column = column.cast(pa.binary_view())
    return column if column.type == pa.large_string() else column.cast(pa.large_binary()).view(pa.large_string())


def _without_bad(
    texts: pa.LargeStringArray, first: int, notes: Notes, place: Callable[[int], str]
) -> pa.LargeStringArray:
    values = texts.view(pa.large_binary())
    try:
        values.validate(full=True)
    except pa.ArrowInvalid as error:
        raise damaged(notes.path, error) from None
    kept: list[bytes | None] = []
    for row, value in enumerate(values.to_pylist(), first):
        try:
            str(value or b"", "utf-8")
        except UnicodeDecodeError as error:
            wrong = f"byte {value[error.start]:#04x} of the text, its byte {error.start + 1}, is not UTF-8"
            notes.add_bad(row, place(row), wrong)
            value = None  # noqa: PLW2901
        kept.append(value)
    return texts_of(kept)
