"""
Which rows are in a file of Arrow's IPC format, .arrow or .feather, with a footer or as a stream?

A record batch that is not compressed is mapped, not read; one that is can't be decompressed in parts. So the messages
are looked through first: a buffer that would become larger than LONGEST_BYTES is refused, and so is a stream that does
not end with its mark, because it may be cut, or that ends before its file does.
"""

import struct
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path, PurePath
from typing import Any, BinaryIO, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from nano3.formats import source
from nano3.formats.columns import NAME_NOT_UTF8, find_column, text_columns, with_texts
from nano3.formats.contents import HEAD_BYTES, check_head, opened
from nano3.formats.source import Notes, TextError, counted_from_1, damaged

MAGIC = b"ARROW1"
CONTINUES, OLD_STREAM_END = b"\xff\xff\xff\xff", b"\0\0\0\0"
STREAM_END = CONTINUES + OLD_STREAM_END
# Of Arrow's Message.fbs and File.fbs: kinds of messages, fields of a footer, sizes of structs.
RECORD_BATCH, DICTIONARY_BATCH = 3, 2
DICTIONARIES, RECORD_BATCHES = 2, 3
BLOCK_BYTES, BUFFER_BYTES = 24, 16


def count_ipc(path: PurePath, file: BinaryIO | None) -> int:
    """Rows of a file, by its record batches. file: itself, if path is not local."""
    with _mapped(path, file) as data:
        return _check(path, data)


def read_ipc(path: PurePath, notes: Notes) -> Iterator[pa.LargeStringArray]:
    """The text column of a file, in batches of about BATCH_BYTES."""
    with _mapped(path, None) as data:
        rows = _check(path, data)
        row = 0
        try:
            schema = _open(data).schema
            notes.add_keys(text_columns(schema))
            first, *inside = find_column(schema, notes.column, path)
            for batch in _batches(_open(data, [first])):
                column = batch.column(0)
                if inside:
                    column.validate()
                    column = pc.struct_field(column, inside)
                yield from with_texts(column, row, notes, counted_from_1)
                row += len(batch)
                del batch, column
        except (pa.ArrowException, OSError) as error:
            raise damaged(path, f"{counted_from_1(row)} and following: {error}") from None
        except UnicodeDecodeError:
            raise damaged(path, NAME_NOT_UTF8) from None
    if row != rows:
        raise damaged(path, f"has {row} rows where its record batches count {rows}")


def _mapped(path: PurePath, file: BinaryIO | None) -> AbstractContextManager[pa.NativeFile]:
    """The file as memory, from its beginning. file: borrowed, so it stays open."""
    if file is not None:
        return nullcontext(pa.PythonFile(file, mode="r"))
    with opened(path) as raw:
        check_head(path, raw.read(HEAD_BYTES), path.name)
    memory: AbstractContextManager[pa.NativeFile] = pa.memory_map(str(Path(path)))
    return memory


def _open(data: pa.NativeFile, fields: list[int] | None = None) -> Any:
    """Arrow's reader of a file or a stream. fields: the columns to read; by default all."""
    options = pa.ipc.IpcReadOptions(included_fields=fields, use_threads=False)
    is_file = _rewound(data).read(len(MAGIC)) == MAGIC
    return (pa.ipc.open_file if is_file else pa.ipc.open_stream)(_rewound(data), options=options)


def _batches(reader: Any) -> Iterator[pa.RecordBatch]:
    if isinstance(reader, pa.RecordBatchFileReader):
        yield from map(reader.get_batch, range(reader.num_record_batches))
    else:
        yield from reader


# ---- what the messages say ------------------------------------------------------------------------------------------


def _check(path: PurePath, data: pa.NativeFile) -> int:
    """Rows of all record batches. Raises TextError for a file that is cut or whose buffers are too large."""
    begin = _rewound(data).read(len(MAGIC))
    try:
        if begin == MAGIC:
            return sum(_check_message(path, message) for message in _messages(data))
        rows = sum(_check_message(path, message) for message in pa.ipc.MessageReader.open_stream(_rewound(data)))
    except (pa.ArrowException, OSError, EOFError, ValueError, struct.error) as error:
        raise damaged(path, f"not a whole Arrow file: {error}") from None
    end, mark = data.tell(), STREAM_END if begin.startswith(CONTINUES) else OLD_STREAM_END
    data.seek(max(0, end - len(mark)))
    if data.read(len(mark)) != mark:
        raise damaged(path, "ends without Arrow's end of stream: it may be cut")
    if data.read(1):
        raise damaged(path, "more follows behind Arrow's end of stream")
    return rows


def _rewound(data: pa.NativeFile) -> pa.NativeFile:
    data.seek(0)
    return data


def _messages(data: pa.NativeFile) -> Iterator[pa.Message]:
    """The messages of a file with a footer, which says where they are."""
    size = data.size()
    data.seek(max(0, size - 4 - len(MAGIC)))
    length, magic = struct.unpack("<i6s", data.read(4 + len(MAGIC)))
    begin = size - 4 - len(MAGIC) - length
    if magic != MAGIC or length <= 0 or begin < 0:
        raise ValueError("it has no footer")
    data.seek(begin)
    footer = data.read(length)
    table = _Table(footer, _number(footer, "<I", 0))
    for field in (DICTIONARIES, RECORD_BATCHES):
        for at in table.structs(field, BLOCK_BYTES):
            data.seek(_number(footer, "<q", at))
            yield pa.ipc.read_message(data)


class _Table(NamedTuple):
    """A table of a flatbuffer: data, and where it begins."""

    data: bytes
    begin: int

    def field(self, number: int) -> int:
        """Where a field begins; 0 if the table has none of this number."""
        vtable = self.begin - _number(self.data, "<i", self.begin)
        place = 4 + 2 * number
        offset = _number(self.data, "<H", vtable + place) if place < _number(self.data, "<H", vtable) else 0
        return self.begin + offset if offset else 0

    def table(self, number: int) -> "_Table":
        """The table that a field refers to."""
        at = self.field(number)
        return _Table(self.data, at + _number(self.data, "<I", at))

    def structs(self, number: int, size: int) -> Iterator[int]:
        """Where each struct of a vector begins. size: bytes of one."""
        at = self.field(number)
        if at:
            vector = at + _number(self.data, "<I", at)
            yield from (vector + 4 + size * place for place in range(_number(self.data, "<I", vector)))


def _number(data: bytes, kind: str, at: int) -> int:
    return int(struct.unpack_from(kind, data, at)[0])


def _check_message(path: PurePath, message: pa.Message) -> int:
    """Rows of a message. Raises TextError if a buffer of it becomes too large."""
    data = message.metadata.to_pybytes()
    table = _Table(data, _number(data, "<I", 0))
    kind = data[table.field(1)] if table.field(1) else 0
    if kind not in (RECORD_BATCH, DICTIONARY_BATCH):
        return 0
    batch = table.table(2) if kind == RECORD_BATCH else table.table(2).table(1)
    if batch.field(3) and message.body is not None:  # it is compressed
        largest = max(_buffer_sizes(batch, memoryview(message.body)), default=0)
        if largest > source.LONGEST_BYTES:
            raise TextError(
                f"{path}: a column of a record batch holds {largest:,} bytes, more than {source.LONGEST_BYTES:,}, "
                "the most that is read at once: write the file in smaller batches, or without compression"
            )
    length = batch.field(0)
    return _number(data, "<q", length) if kind == RECORD_BATCH and length else 0


def _buffer_sizes(batch: _Table, body: memoryview) -> Iterator[int]:
    """Bytes of each buffer once it is decompressed, which stand before it."""
    for at in batch.structs(2, BUFFER_BYTES):
        offset, length = struct.unpack_from("<qq", batch.data, at)
        if length >= 8:
            yield struct.unpack_from("<q", body, offset)[0]
