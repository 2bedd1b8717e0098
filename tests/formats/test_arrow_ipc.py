"""Arrow's IPC format: files and streams, compressed or not, whole or not."""

import io
from pathlib import Path
from typing import Any

import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.feather
import pytest

from nano3.formats import source
from nano3.formats.readers import count_rows, read_text
from nano3.formats.source import TextError
from tests.formats.memory import peak_of_reading
from tests.formats.rows import SOURCE, TEXTS, column, read, read_with_bad, skipping

NEW = {"file": pa.ipc.new_file, "stream": pa.ipc.new_stream}


def write(path: Path, table: pa.Table, new: str = "file", compression: str | None = None, **options: Any) -> Path:
    settings = pa.ipc.IpcWriteOptions(compression=compression, **options)
    with NEW[new](path, table.schema, options=settings) as file:
        file.write_table(table, max_chunksize=500)
    return path


@pytest.mark.parametrize("ending", [".arrow", ".feather"])
@pytest.mark.parametrize("new", NEW)
@pytest.mark.parametrize("compression", [None, "zstd", "lz4"])
@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.dictionary(pa.int8(), pa.string()), pa.json_()],
    ids=str,
)
def test_files_and_streams(tmp_path: Path, ending: str, new: str, compression: str | None, kind: pa.DataType) -> None:
    text = pa.array(TEXTS)
    if kind == pa.json_():
        text = pa.ExtensionArray.from_storage(kind, text)
    else:
        text = text.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else text.cast(kind)
    table = pa.table({"n": [{"x": [1]}] * len(TEXTS), "text": text, "id": range(len(TEXTS))})
    path = write(tmp_path / f"a{ending}", table, new, compression)
    assert read(path) == TEXTS
    assert read(path, rows=777) == TEXTS[:777]
    with path.open("rb") as file:
        assert count_rows(path, file) == len(TEXTS)


def test_a_dictionary_that_grows_and_one_that_is_replaced(tmp_path: Path) -> None:
    schema = pa.schema({"text": pa.dictionary(pa.int32(), pa.string())})
    parts = [["a", "b"], ["a", "b", "c", None], ["d"]]
    for deltas in (True, False):
        path = tmp_path / "a.arrow"
        with pa.ipc.new_stream(path, schema, options=pa.ipc.IpcWriteOptions(emit_dictionary_deltas=deltas)) as file:
            for part in parts:
                file.write(pa.record_batch([pa.array(part).dictionary_encode()], schema=schema))
        assert read(path) == ["a", "b", "a", "b", "c", None, "d"]


@pytest.mark.parametrize("compression", ["uncompressed", "lz4", "zstd"])
def test_what_polars_and_pandas_write(tmp_path: Path, compression: Any) -> None:
    frame = pl.DataFrame({"id": range(len(TEXTS)), "text": TEXTS})
    frame.write_ipc(tmp_path / "a.arrow", compression=compression)
    frame.write_ipc_stream(tmp_path / "b.arrow", compression=compression)
    frame.with_columns(pl.col("text").cast(pl.Categorical)).write_ipc(tmp_path / "c.arrow", compression=compression)
    pyarrow.feather.write_feather(pd.DataFrame({"text": TEXTS}), str(tmp_path / "d.feather"), compression=compression)
    for name in ("a.arrow", "b.arrow", "c.arrow", "d.feather"):
        assert read(tmp_path / name) == TEXTS


def test_fields_and_bad_rows(tmp_path: Path) -> None:
    raw = pa.array([b"x", b"\xff", b"y"])
    table = pa.table({"n": [1, 2, 3], "a": pa.StructArray.from_arrays([pa.array([1, 2, 3]), raw], ["i", "b"])})
    path = write(tmp_path / "a.arrow", table)
    assert read_with_bad(path, skipping("a.b")) == (["x", None, "y"], [1])
    with pytest.raises(TextError, match=r"row 2 \(counting from 1\): byte 0xff"):
        read(path, column("a.b"))
    with pytest.raises(TextError, match=r"no column 'text'; text_column must be one of: a\.b"):
        read(path)
    with pytest.raises(TextError, match="column 'n' holds int64, not text"):
        read(path, column("n"))


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_a_stream_that_is_cut_or_followed_by_another_is_refused(tmp_path: Path, compression: str | None) -> None:
    path = write(tmp_path / "a.arrow", pa.table({"text": TEXTS}), "stream", compression)
    whole = path.read_bytes()
    ends = [whole[:-8], whole[:-3], whole[: len(whole) // 2], whole[:100], whole[:4]]
    for data in (*ends, whole + whole, whole + b"\0", whole + b"more"):
        path.write_bytes(data)
        for how in (read, count_rows):
            with pytest.raises(TextError, match=r"not a whole Arrow file|it may be cut|more follows behind"):
                how(path)


def test_a_stream_between_two_record_batches_may_be_cut(tmp_path: Path) -> None:
    """Arrow reads it without a word: only the mark at the end tells."""
    file = io.BytesIO()
    table = pa.table({"text": TEXTS})
    with pa.ipc.new_stream(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=500)
        end = file.tell()
    path = tmp_path / "a.arrow"
    path.write_bytes(file.getvalue()[:end])
    assert pa.ipc.open_stream(path.read_bytes()).read_all().num_rows == len(TEXTS)
    with pytest.raises(TextError, match="ends without Arrow's end of stream: it may be cut"):
        read(path)


def test_a_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.arrow", pa.table({"text": TEXTS}))
    whole = path.read_bytes()
    for size in (len(whole) - 1, len(whole) // 2, 20):
        path.write_bytes(whole[:size])
        with pytest.raises(TextError, match=r"not a whole Arrow file|it may be cut"):
            read(path)


def test_offsets_and_indices_that_lead_out_of_the_data_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.arrow"
    write(path, pa.table({"text": ["abc"]}))
    whole = path.read_bytes()
    offsets, wrong = b"\0\0\0\0\3\0\0\0", b"\0\0\0\0\xff\xff\xff\0"
    at = whole.rindex(offsets)
    path.write_bytes(whole[:at] + wrong + whole[at + len(wrong) :])
    with pytest.raises(TextError, match=r"out of bounds|larger than values array"):
        read_with_bad(path, SOURCE)
    indices = pa.array([0, 7], pa.int32())
    write(path, pa.table({"text": pa.DictionaryArray.from_arrays(indices, pa.array(["a"]), safe=False)}))
    with pytest.raises(TextError, match=r"out of bounds|larger than values array"):
        read_with_bad(path, SOURCE)


def test_a_buffer_over_the_limit_is_refused_only_where_it_is_compressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "LONGEST_BYTES", 100_000)
    table = pa.table({"text": ["x" * 1000] * 400})
    for new in NEW:
        path = write(tmp_path / "a.arrow", table, new, "zstd")
        with pytest.raises(
            TextError, match=r"a column of a record batch holds 400,000 bytes, more than 100,000, the most"
        ):
            read(path)
        assert len(read(write(path, table, new))) == 400


def test_a_long_entry_of_a_dictionary_comes_in_small_batches(tmp_path: Path) -> None:
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 3000, pa.int32()), pa.array(["x" * 400_000]))
    path = tmp_path / "a.arrow"
    with pa.ipc.new_file(path, pa.schema({"text": text.type})) as file:
        file.write(pa.record_batch([text], names=["text"]))
    assert max(batch.nbytes for batch in read_text(path, SOURCE, None, [])) <= 1.1 * source.BATCH_BYTES
    assert peak_of_reading(path)[3] < 300 * 2**20
