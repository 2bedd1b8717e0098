"""Parquet as many libraries write it, and pages that hold more than they seem to."""

import datetime
import io
from pathlib import Path
from typing import Any

import duckdb
import fastparquet
import pandas as pd
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nano3.formats import parquet, source
from nano3.formats.parquet import DATA_PAGE, DATA_PAGE_V2, DICTIONARY_PAGE
from nano3.formats.readers import count_rows, read_text
from nano3.formats.source import TextError
from tests.formats.memory import peak_of_reading
from tests.formats.rows import SOURCE, TEXTS, column, read, read_with_bad, skipping

MB = 2**20
MANY = [text and f"{text} {number}" for number, text in enumerate(TEXTS)]


def write(path: Path, table: pa.Table, **options: Any) -> Path:
    pq.write_table(table, path, **options)
    return path


@pytest.mark.parametrize("codec", ["snappy", "zstd", "gzip", "brotli", "lz4", "none"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_any_codec_and_page_version(tmp_path: Path, codec: str, version: str) -> None:
    options = {"compression": codec, "data_page_version": version, "row_group_size": 700, "data_page_size": 10_000}
    path = write(tmp_path / "a.parquet", pa.table({"id": range(len(MANY)), "text": MANY}), **options)
    assert read(path) == MANY
    assert read(path, rows=1025) == MANY[:1025]


@pytest.mark.parametrize("encoding", ["PLAIN", "DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY"])
def test_any_encoding(tmp_path: Path, encoding: str) -> None:
    table = pa.table({"text": MANY})
    path = write(tmp_path / "a.parquet", table, use_dictionary=False, column_encoding={"text": encoding})
    assert read(path) == MANY


@pytest.mark.parametrize(
    "kind",
    [
        *(pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view(), pa.json_()),
        *(pa.dictionary(index, pa.string()) for index in (pa.int8(), pa.int16(), pa.uint32(), pa.int64())),
        *(pa.dictionary(pa.int32(), value) for value in (pa.large_string(), pa.binary(), pa.large_binary())),
    ],
    ids=str,
)
@pytest.mark.parametrize("store_schema", [True, False])
def test_any_type_of_text_over_row_groups(tmp_path: Path, kind: pa.DataType, store_schema: bool) -> None:
    values = pa.array(TEXTS, pa.string())
    if pa.types.is_dictionary(kind):
        values = values.dictionary_encode().cast(kind)
    elif kind == pa.json_():
        values = pa.ExtensionArray.from_storage(kind, values)
    else:
        values = values.cast(kind)
    path = write(tmp_path / "a.parquet", pa.table({"text": values}), row_group_size=700, store_schema=store_schema)
    assert read(path) == TEXTS


@pytest.mark.parametrize("encoding", ["DELTA_LENGTH_BYTE_ARRAY", "DELTA_BYTE_ARRAY", "PLAIN"])
def test_a_dictionary_of_any_encoding(tmp_path: Path, encoding: str) -> None:
    table = pa.table({"text": pa.array(TEXTS).dictionary_encode()})
    options = {"use_dictionary": False, "column_encoding": {"text": encoding}, "row_group_size": 700}
    assert read(write(tmp_path / "a.parquet", table, **options)) == TEXTS


@pytest.mark.parametrize("index", [pa.int8(), pa.int32()], ids=str)
def test_a_dictionary_inside_a_struct_over_row_groups(tmp_path: Path, index: pa.DataType) -> None:
    values = pa.array(TEXTS).dictionary_encode().cast(pa.dictionary(index, pa.string()))
    tags = pa.array([["x"]] * len(TEXTS))
    inside = pa.StructArray.from_arrays([tags, values], names=["tags", "text"])
    path = write(tmp_path / "a.parquet", pa.table({"tags": tags, "doc": inside}), row_group_size=700)
    assert read(path, column("doc.text")) == TEXTS


@pytest.mark.parametrize(
    "error",
    [pa.ArrowNotImplementedError("Nested data conversions not implemented"), OSError("Not yet implemented: DictAccum")],
    ids=str,
)
def test_what_pyarrow_cannot_read_is_not_called_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fail(*_args: Any) -> Any:
        raise error

    monkeypatch.setattr(parquet, "_columns", fail)
    path = write(tmp_path / "a.parquet", pa.table({"text": ["x"]}))
    with pytest.raises(TextError, match=r"the file is whole, but .* write the column as plain strings") as told:
        read(path)
    assert "fix or replace the file" not in str(told.value)


def test_a_column_of_nulls_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", pa.table({"text": pa.nulls(5), "id": range(5)}))
    assert read(path) == [None] * 5


def test_no_rows_and_no_row_groups(tmp_path: Path) -> None:
    assert read(write(tmp_path / "a.parquet", pa.table({"text": pa.array([], pa.string())}))) == []


def test_fields_and_names_with_dots(tmp_path: Path) -> None:
    rows: list[Any] = [{"n": [1, 2], "b": "x", "c": {"d.e": "y"}}, None, {"n": [], "b": None, "c": {"d.e": "z"}}]
    table = pa.table(
        {"map": pa.array([[("k", "v")]] * 3, pa.map_(pa.string(), pa.string())), "a": rows, "a.b": ["1", "2", None]}
    )
    path = write(tmp_path / "a.parquet", table)
    assert read(path, column("a.b")) == ["1", "2", None]
    assert read(path, column("a.c.d.e")) == ["y", None, "z"]
    path = write(path, table.select(["map", "a"]))
    assert read(path, column("a.b")) == ["x", None, None]
    with pytest.raises(TextError, match=r"no column 'a\.x'; text_column must be one of: a\.b, a\.c\.d\.e"):
        read(path, column("a.x"))


def test_two_columns_of_one_name_are_refused(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.parquet", pa.Table.from_arrays([pa.array(["x"]), pa.array(["y"])], names=["text", "text"])
    )
    with pytest.raises(TextError, match=r"a\.parquet: has 2 columns 'text': write it with one of each name"):
        read(path)


@pytest.mark.parametrize("values", [[1], [["x"]], [1.5], [datetime.date(2020, 1, 1)], [{"x": "y"}], [True]], ids=str)
def test_what_is_not_text_is_refused_with_its_type(tmp_path: Path, values: list[Any]) -> None:
    path = write(tmp_path / "a.parquet", pa.table({"text": values, "body": ["x"]}))
    with pytest.raises(TextError, match=r"column 'text' holds \S.*, not text; columns of text are: .*body"):
        read(path)


def test_bytes_that_are_not_utf8_are_bad_rows(tmp_path: Path) -> None:
    raw = pa.array([b"x", b"\xff", b"y"])
    for values in (raw, raw.view(pa.string())):
        path = write(tmp_path / "a.parquet", pa.table({"text": values}), store_schema=False)
        with pytest.raises(TextError, match=r"a\.parquet: row 2 \(counting from 1\): byte 0xff of the text"):
            read(path)
        assert read_with_bad(path, skipping()) == (["x", None, "y"], [1])


# ---- other libraries ------------------------------------------------------------------------------------------------


def by_polars(path: Path, texts: list[str | None]) -> None:
    pl.DataFrame({"id": range(len(texts)), "text": texts}).write_parquet(path, row_group_size=700)


def by_polars_with_categories(path: Path, texts: list[str | None]) -> None:
    pl.DataFrame({"text": texts}, schema={"text": pl.Categorical}).write_parquet(path, use_pyarrow=False)


def by_pandas(path: Path, texts: list[str | None]) -> None:
    pd.DataFrame({"text": texts}).to_parquet(path)


def by_pandas_with_categories(path: Path, texts: list[str | None]) -> None:
    pd.DataFrame({"text": pd.Categorical(texts)}).to_parquet(path, index=True)


def by_fastparquet(path: Path, texts: list[str | None]) -> None:
    frame = pd.DataFrame({"id": range(len(texts)), "text": pd.Series(texts, dtype=object)})
    fastparquet.write(str(path), frame, row_group_offsets=700, compression="SNAPPY", object_encoding={"text": "utf8"})


def by_duckdb(path: Path, texts: list[str | None]) -> None:
    rows: Any = pa.table({"id": range(len(texts)), "text": texts})  # noqa: F841  # duckdb finds it by name
    duckdb.sql(f"COPY (SELECT * FROM rows ORDER BY id) TO '{path}' (FORMAT parquet, ROW_GROUP_SIZE 2048)")


def as_spark_writes(path: Path, texts: list[str | None]) -> None:
    """Its shape: snappy, times as INT96, lists in three levels with old names, no Arrow schema."""
    times = pa.array([datetime.datetime(2020, 1, 1)] * len(texts), pa.timestamp("ns"))
    table = pa.table({"time": times, "tags": [["a"]] * len(texts), "text": texts})
    options = {"use_deprecated_int96_timestamps": True, "use_compliant_nested_type": False}
    pq.write_table(table, path, compression="snappy", version="1.0", store_schema=False, **options)


@pytest.mark.parametrize(
    "write_by",
    [
        *(by_polars, by_polars_with_categories, by_pandas, by_pandas_with_categories),
        *(by_fastparquet, by_duckdb, as_spark_writes),
    ],
)
@pytest.mark.parametrize("texts", [TEXTS, MANY], ids=["few texts", "many texts"])
def test_what_other_libraries_write(tmp_path: Path, write_by: Any, texts: list[str | None]) -> None:
    write_by(tmp_path / "a.parquet", texts)
    assert read(tmp_path / "a.parquet") == texts


# ---- files that are not whole ---------------------------------------------------------------------------------------


def test_a_file_that_is_cut_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", pa.table({"text": MANY}))
    whole = path.read_bytes()
    for size in (8, len(whole) // 2, len(whole) - 1, len(whole) - 9):
        path.write_bytes(whole[:size])
        with pytest.raises(TextError, match="not a whole parquet file") as told:
            read(path)
        assert "\n" not in str(told.value)


def test_a_column_whose_name_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", pa.table({"text": ["x"], "title": ["y"]}), store_schema=False)
    path.write_bytes(path.read_bytes().replace(b"title", b"tit\xffe"))
    with pytest.raises(TextError, match="the name of a column is not UTF-8"):
        read(path)


def test_a_page_that_is_damaged_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "a.parquet", pa.table({"text": MANY}), compression="gzip", use_dictionary=False)
    whole = bytearray(path.read_bytes())
    for at in (20, 200, 5000):
        damaged = whole.copy()
        damaged[at : at + 16] = bytes(16)
        path.write_bytes(damaged)
        with pytest.raises(TextError, match=r"a\.parquet: (row \d+ \(counting from 1\) and following|has \d+ rows)"):
            read_with_bad(path, SOURCE)


# ---- how much is read at once ---------------------------------------------------------------------------------------


def sizes(path: Path) -> list[int]:
    return [batch.nbytes for batch in read_text(path, SOURCE, None, [])]


def test_batches_are_bounded_by_bytes(tmp_path: Path) -> None:
    texts = [f"{number:08}" * 2**17 for number in range(40)]
    got = sizes(write(tmp_path / "a.parquet", pa.table({"text": texts})))
    assert len(got) >= 4
    assert max(got) <= 1.2 * source.BATCH_BYTES


def test_batches_of_ordinary_text_are_not_small(tmp_path: Path) -> None:
    texts = [f"document {number} " * 200 for number in range(20_000)]
    got = sizes(write(tmp_path / "a.parquet", pa.table({"text": texts})))
    assert len(got) <= 1.2 * sum(got) / source.BATCH_BYTES + 1


def test_steps_follow_the_pages(tmp_path: Path) -> None:
    texts = ["x" * 100] * 50_000 + ["y" * MB] * 30
    path = write(
        tmp_path / "a.parquet",
        pa.table({"text": texts}),
        use_dictionary=False,
        data_page_size=MB // 2,
        write_batch_size=1,
    )
    steps = [*parquet._steps(path, pq.read_metadata(path), 0)]
    assert sum(steps) == len(texts)
    assert steps[0] == source.LARGEST_BATCH_ROWS
    assert max(steps[-3:]) <= 9


def test_headers_are_those_of_the_pages(tmp_path: Path) -> None:
    for version, kind in (("1.0", DATA_PAGE), ("2.0", DATA_PAGE_V2)):
        path = write(tmp_path / "a.parquet", pa.table({"text": MANY}), data_page_version=version, data_page_size=1000)
        chunk = pq.read_metadata(path).row_group(0).column(0)
        with path.open("rb") as raw:
            first, *pages = parquet._pages(raw, chunk, len(MANY))
        assert first.kind == DICTIONARY_PAGE
        assert {page.kind for page in pages} == {kind}
        assert sum(page.rows for page in pages) == len(MANY)
        stored = sum(page.stored for page in (first, *pages))
        assert stored < chunk.total_compressed_size == pages[-1].begin + pages[-1].stored - chunk.dictionary_page_offset


def _no_header(_data: bytes, _at: int) -> Any:
    raise KeyError("nothing")


def test_headers_that_can_t_be_read_mean_small_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path / "a.parquet", pa.table({"text": MANY}), row_group_size=700)
    monkeypatch.setattr(parquet, "_page_header", _no_header)
    assert {*parquet._steps(path, pq.read_metadata(path), 0)} <= {16, len(MANY) % 16}
    assert read(path) == MANY


@pytest.mark.parametrize("data", [b"", b"\x15", b"\x1c" * 5000, b"\xff" * 50, b"\x15\x00\x15\x02\x15\x02\x00"])
def test_any_bytes_are_a_header_or_none(data: bytes) -> None:
    header = parquet._read_header(io.BytesIO(data), 0)
    assert header is None or header.rows == 0


def test_a_page_over_the_limit_is_refused_with_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LONGEST_BYTES", 100_000)
    for dictionary in (True, False):
        path = write(tmp_path / "a.parquet", pa.table({"text": ["x" * 100_000]}), use_dictionary=dictionary)
        with pytest.raises(
            TextError, match=r"a page of its column holds 100,\d+ bytes, more than (50|100),000, the most"
        ):
            read(path)
        assert count_rows(path) == 1


@pytest.mark.parametrize("as_dictionary", [False, True])
def test_a_text_of_400_kb_three_thousand_times(tmp_path: Path, as_dictionary: bool) -> None:
    page = ("Service unavailable, try again later. " * 11_000)[:400_000]
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 3000 + [1] * 40, pa.int32()), pa.array([page, "short"]))
    options = {"dictionary_pagesize_limit": MB, "row_group_size": 4000, "store_schema": as_dictionary}
    path = write(tmp_path / "a.parquet", pa.table({"text": values}), **options)
    assert path.stat().st_size < 100_000
    rows, _, size, peak, _ = peak_of_reading(path)
    assert (rows, size > 3000 * 400_000) == (3040, True)
    assert peak < 300 * MB
    assert max(sizes(path)) <= 2 * source.BATCH_BYTES


@pytest.mark.slow
def test_ten_gigabytes_in_a_few_kilobytes(tmp_path: Path) -> None:
    zeros = "0" * MB
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 10_000, pa.int32()), pa.array([zeros]))
    path = write(tmp_path / "a.parquet", pa.table({"text": values}), dictionary_pagesize_limit=2 * MB)
    assert path.stat().st_size < 100_000
    rows, _, size, peak, _ = peak_of_reading(path)
    assert (rows, size >= 10_000 * MB) == (10_000, True)
    assert peak < 700 * MB
    write(path, pa.table({"text": ["x"] * 20_000 + [zeros] * 500}), dictionary_pagesize_limit=2 * MB)
    assert peak_of_reading(path)[3] < 700 * MB
    write(path, pa.table({"text": [zeros] * 500}), use_dictionary=False, column_encoding={"text": "DELTA_BYTE_ARRAY"})
    assert peak_of_reading(path)[3] < 1000 * MB
