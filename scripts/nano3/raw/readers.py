"""
Documents of a raw shard of any format: .parquet of any codec, JSON lines plain, .gz or .zst.

Memory does not grow with the shard: rows come in batches of about BATCH_BYTES of text. A larger row is a batch of its
own and needs its line's size in JSON lines; parquet holds one page at a time, compressed and decompressed.

What is not a document? A row whose text is null or missing: it comes as null and keeps its row number. Anything else
that is not text (a number, invalid UTF-8, a cut line, a truncated file) is an error that names the file and the row:
training must not use the part that happened to be readable.
"""

import gzip
import zlib
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path, PurePath
from typing import Any, BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import zstandard

from nano3 import Nano3Error
from nano3.core.arrow import text_array
from nano3.raw.json_lines import unescape

FORMATS = (".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst", ".json")
BATCH_BYTES = 8 * 2**20
CHUNK_BYTES = 2**20
ZSTD_BYTES = 2**14  # of compressed data per read; it may expand a hundredfold
LARGEST_BATCH_ROWS = 4096  # a dictionary-coded column is larger than its stated size


class TextError(Nano3Error):
    """A raw shard can't be read as text."""


def _damaged(where: object, what: object) -> TextError:
    return TextError(f"{where}: {what}; fix or replace the file, then pin its dataset again")


def shard_name(file: str) -> str:
    """A raw file's name without its format's extension, with . for /. Raises TextError for an unknown format."""
    for ending in FORMATS:
        if file.endswith(ending):
            return file.removesuffix(ending).replace("/", ".")
    raise TextError(f"{file}: unknown format; raw shards end in {', '.join(FORMATS)}")


def count_rows(path: PurePath, file: BinaryIO | None = None) -> int:
    """
    Rows in a raw shard: from a parquet file's footer, otherwise by reading the lines.

    file: its bytes, if path is not local.
    """
    if path.suffix == ".parquet":
        return int(_open_parquet(path, file).metadata.num_rows)
    return sum(1 for _ in _lines(path, file))


def read_text(path: Path, column: str, rows: int | None) -> Iterator[pa.LargeStringArray]:
    """
    The text of a shard's first rows in file order, in batches; null where a row has none.

    column: name of the text column; a.b is field b of column a. rows: rows to read; None for all.
    Raises TextError, with file and row, if the column is missing or not text, or rows are missing.
    """
    batches = _read_parquet(path, column) if path.suffix == ".parquet" else _read_lines(path, column)
    if rows is None:
        yield from batches
        return
    left = rows
    for batch in batches:
        if left <= 0:
            return
        head, left = batch.slice(0, left), left - len(batch)
        del batch  # free a huge one before the next is read
        yield head
        del head
    if left > 0:
        raise TextError(f"{path}: has {rows - left} rows where {rows} were pinned: pin the dataset again")


def _open_parquet(path: PurePath, file: BinaryIO | None = None) -> pq.ParquetFile:
    try:
        return pq.ParquetFile(file or path, pre_buffer=False, buffer_size=CHUNK_BYTES)
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(path, f"not a whole parquet file: {error}") from None


def _read_parquet(path: Path, column: str) -> Iterator[pa.LargeStringArray]:
    file = _open_parquet(path)
    outer, *inner = column.split(".")
    kind = _type_of(file.schema_arrow, [outer, *inner])
    if kind is None:
        raise TextError(
            f"{path}: no column {column!r}; text_column must be one of: {', '.join(_columns(file.schema_arrow))}"
        )
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        raise TextError(f"{path}: column {column!r} holds {kind}, not text: name another text_column")
    row = 0
    try:
        for batch in file.iter_batches(batch_size=_batch_rows(file.metadata), columns=[column]):
            values = pc.struct_field(batch.column(outer), inner) if inner else batch.column(outer)
            values = values.cast(pa.large_string())
            values.validate(full=True)  # invalid UTF-8
            row += len(values)
            yield values
            del batch, values  # free a huge one before the next is read
    except (pa.ArrowInvalid, OSError) as error:
        raise _damaged(path, f"rows {row} and following: {error}") from None


def _batch_rows(metadata: pq.FileMetaData) -> int:
    """Rows that hold about BATCH_BYTES, by the sizes in the file's metadata."""
    size = sum(metadata.row_group(group).total_byte_size for group in range(metadata.num_row_groups))
    return int(min(LARGEST_BATCH_ROWS, max(1, BATCH_BYTES * max(1, metadata.num_rows) // max(1, size))))


def _type_of(schema: pa.Schema, names: list[str]) -> pa.DataType | None:
    """Type of a column or of a field inside one; None if it does not exist."""
    kind: Any = pa.struct(list(schema))
    for name in names:
        if not pa.types.is_struct(kind) or kind.get_field_index(name) < 0:
            return None
        kind = kind.field(name).type
    return kind


def _columns(schema: pa.Schema) -> list[str]:
    """Names of columns and of fields inside them, as column.field."""
    inner = [f"{field.name}.{part.name}" for field in schema if pa.types.is_struct(field.type) for part in field.type]
    return [field.name for field in schema] + inner


def _read_lines(path: Path, column: str) -> Iterator[pa.LargeStringArray]:
    decoder, raw_decoder = _row_decoder(column, str | None), _row_decoder(column, msgspec.Raw)
    texts: list[str | None] = []
    row, size, has_column = -1, 0, False
    for line in _lines(path):
        row += 1
        try:
            value: Any = _long_text(line, column, raw_decoder) if len(line) > BATCH_BYTES else None
            if value is None:
                value = _value_of(decoder.decode(line), column)
        except msgspec.ValidationError as error:
            raise _damaged(path, f"row {row}: column {column!r} is not text: {error}") from None
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise _damaged(path, f"row {row}: not a JSON object: {error}") from None
        del line  # free a huge one before the next is read
        has_column = has_column or value is not msgspec.UNSET
        if isinstance(value, pa.LargeStringArray):
            if texts:
                yield text_array(texts)
            texts, size = [], 0
            yield value
            del value
            continue
        text = None if value is msgspec.UNSET else value
        texts.append(text)
        size += len(text) if text else 0
        if size >= BATCH_BYTES or len(texts) == LARGEST_BATCH_ROWS:
            yield text_array(texts)
            texts, size = [], 0
    if row >= 0 and not has_column:
        keys = ", ".join(msgspec.json.decode(next(_lines(path))))
        raise TextError(f"{path}: no row has a column {column!r}; text_column must be one of: {keys}")
    if texts:
        yield text_array(texts)


def _row_decoder(column: str, kind: Any) -> msgspec.json.Decoder[Any]:
    """Decodes one column of a row as a kind and skips the rest without building it."""
    for name in reversed(column.split(".")):
        field = ("value", kind | msgspec.UnsetType, msgspec.UNSET)
        row: Any = msgspec.defstruct("Row", [field], rename={"value": name})
        kind = row | None
    return msgspec.json.Decoder(row)


def _value_of(row: Any, column: str) -> Any:
    """The column of a decoded row; None or UNSET if it has none."""
    for _ in column.split("."):
        row = getattr(row, "value", row)
    return row


def _long_text(line: bytes | bytearray, column: str, decoder: msgspec.json.Decoder[Any]) -> pa.LargeStringArray | None:
    """The text of a row, without a str of it; None if it has no text. decoder: of the column as raw JSON."""
    line = line if isinstance(line, bytearray) else bytearray(line)
    value = _value_of(decoder.decode(line), column)
    return unescape(line, value) if isinstance(value, msgspec.Raw) and memoryview(value)[0] == ord('"') else None


def _lines(path: PurePath, file: BinaryIO | None = None) -> Iterator[bytes | bytearray]:
    """Lines that are not blank. Raises TextError for a compressed file that is truncated or damaged."""
    rest = bytearray()
    try:
        for chunk in _chunks(path, file):
            first, *others = chunk.split(b"\n")
            rest += first
            if others:
                if rest and not rest.isspace():
                    yield rest
                rest = bytearray(others.pop())
                yield from (line for line in others if line.strip())
    except (EOFError, zlib.error, gzip.BadGzipFile, zstandard.ZstdError) as error:
        raise _damaged(path, f"the compressed data is damaged or cut: {error}") from None
    if rest and not rest.isspace():
        yield rest


def _chunks(path: PurePath, file: BinaryIO | None) -> Iterator[bytes]:
    with nullcontext(file) if file else open(path, "rb") as raw:
        if path.suffix == ".zst":
            yield from _zstd_chunks(raw)
            return
        plain: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=raw) if path.suffix == ".gz" else raw
        while chunk := plain.read(CHUNK_BYTES):
            yield chunk


def _zstd_chunks(file: BinaryIO) -> Iterator[bytes]:
    """All frames of a .zst. The library's own stream does not report a truncated last frame."""
    frame = None
    while data := file.read(ZSTD_BYTES):
        while data:
            frame = frame or zstandard.ZstdDecompressor(max_window_size=2**31).decompressobj()
            yield frame.decompress(data)
            data = frame.unused_data if frame.eof else b""
            frame = None if frame.eof else frame
    if frame is not None:
        raise EOFError("it ends inside a frame")
