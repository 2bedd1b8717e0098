from pathlib import PurePath
from typing import Any

import pyarrow as pa
import pytest

from nano3.formats import source
from nano3.formats.columns import checked, find_column, is_text, one_text, text_columns, texts_of, with_texts
from nano3.formats.source import Notes, TextError, TextSource, counted_from_1

PATH = PurePath("a.parquet")
WORDS = ["a", None, "", "zwölf" * 5]
KINDS = [
    *(pa.string(), pa.large_string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.binary_view()),
    *(
        pa.dictionary(index, value)
        for index in (pa.int8(), pa.uint16(), pa.int64())
        for value in (pa.string(), pa.binary())
    ),
    *(pa.dictionary(pa.int32(), value) for value in (pa.large_string(), pa.large_binary(), pa.string_view())),
    pa.json_(),
    pa.json_(pa.large_string()),
]


def notes(on_bad_row: Any = "fail") -> Notes:
    return Notes(PATH, TextSource("text", None, on_bad_row))


def array(kind: pa.DataType, words: list[str | None]) -> pa.Array:
    if isinstance(kind, pa.BaseExtensionType):
        return pa.ExtensionArray.from_storage(kind, array(kind.storage_type, words))
    if pa.types.is_dictionary(kind):
        entries = array(kind.value_type, list(dict.fromkeys(words)))
        present = [entry for entry in entries.to_pylist() if entry is not None]
        places: dict[Any, int] = {entry: number for number, entry in enumerate(present)}
        values = array(kind.value_type, words).to_pylist()
        indices = pa.array([places.get(value) for value in values], kind.index_type)
        return pa.DictionaryArray.from_arrays(indices, pa.array(present, kind.value_type))
    return pa.array([word.encode() if word is not None and "binary" in str(kind) else word for word in words], kind)


def texts(column: pa.Array, how: Notes | None = None) -> list[str | None]:
    batches = with_texts(column, 0, how or notes(), counted_from_1)
    return [text for batch in batches for text in batch.to_pylist()]


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_every_type_of_text(kind: pa.DataType, monkeypatch: pytest.MonkeyPatch) -> None:
    assert is_text(kind)
    column = array(kind, WORDS * 20)
    assert texts(column) == WORDS * 20
    assert texts(column.slice(3, 7)) == (WORDS * 20)[3:10]
    monkeypatch.setattr(source, "BATCH_BYTES", 40)
    assert texts(column) == WORDS * 20
    assert texts(column.slice(3, 7)) == (WORDS * 20)[3:10]
    sizes = [batch.nbytes for batch in with_texts(column, 0, notes(), counted_from_1)]
    assert len(sizes) > 1


def test_a_column_of_nulls_alone_has_rows_without_text() -> None:
    assert texts(pa.nulls(3)) == [None, None, None]


@pytest.mark.parametrize(
    "kind",
    [
        pa.int64(),
        pa.float32(),
        pa.bool_(),
        pa.list_(pa.string()),
        pa.struct([("a", pa.string())]),
        pa.uuid(),
        pa.date32(),
    ],
    ids=str,
)
def test_what_is_not_text(kind: pa.DataType) -> None:
    schema = pa.schema({"n": kind, "body": pa.string(), "meta": pa.struct([("title", pa.string()), ("n", pa.int8())])})
    with pytest.raises(
        TextError, match=r"column 'n' holds .*, not text; columns of text are: (n\.a, )?body, meta\.title"
    ):
        find_column(schema, "n", PATH)


@pytest.mark.parametrize(
    "kind",
    [pa.string(), pa.string_view(), pa.binary(), pa.large_binary(), pa.dictionary(pa.int8(), pa.binary())],
    ids=str,
)
def test_bytes_that_are_not_utf8_are_bad_rows(kind: pa.DataType) -> None:
    raw = pa.array([b"a", b"x\xff", None, b"b", b"\xed\xa0\x80"])
    same_bytes = {pa.string(): pa.binary(), pa.string_view(): pa.binary_view()}.get(kind, kind)
    column = raw.dictionary_encode().cast(kind) if pa.types.is_dictionary(kind) else raw.cast(same_bytes).view(kind)
    with pytest.raises(TextError, match=r"row 2 \(counting from 1\): byte 0xff of the text, its byte 2, is not UTF-8"):
        texts(column)
    how = notes("skip")
    assert texts(column, how) == ["a", None, None, "b", None]
    assert how.bad == [1, 4]


def test_a_long_entry_of_a_dictionary_comes_in_small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, 1] * 1000, pa.int32()), pa.array(["x" * 100_000, "y"]))
    sizes = [batch.nbytes for batch in with_texts(column, 0, notes(), counted_from_1)]
    assert max(sizes) <= 1.1 * source.BATCH_BYTES
    assert len(sizes) >= 12


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("text", [0]),
        ("doc.text", [1]),
        ("meta.title", [2, 0]),
        ("meta.deep.er", [2, 1, 0]),
        ("meta.a.b", [2, 2]),
        ("doc.other", [3, 0]),
    ],
)
def test_a_name_with_dots_goes_before_a_field(name: str, place: list[int]) -> None:
    deep = pa.struct([("er", pa.string())])
    meta = pa.struct([("title", pa.string()), ("deep", deep), ("a.b", pa.string())])
    doc = pa.struct([("other", pa.string()), ("text", pa.int8())])
    schema = pa.schema([("text", pa.string()), ("doc.text", pa.string()), ("meta", meta), ("doc", doc)])
    assert find_column(schema, name, PATH) == place
    assert text_columns(schema) == ["text", "doc.text", "meta.title", "meta.deep.er", "meta.a.b", "doc.other"]


@pytest.mark.parametrize(
    ("fields", "name", "message"),
    [
        ([("text", pa.string()), ("text", pa.string())], "text", "a.parquet: has 2 columns 'text'"),
        ([("a", pa.struct([("b", pa.string()), ("b", pa.string())]))], "a.b", "has 2 columns 'b'"),
        ([("id", pa.int8()), ("body", pa.string())], "text", "no column 'text'; text_column must be one of: body"),
        ([("id", pa.int8())], "text", "no column 'text'; text_column must be one of: none"),
        ([("a", pa.list_(pa.struct([("b", pa.string())])))], "a.b", "no column 'a.b'"),
        ([], "text", "text_column must be one of: none"),
    ],
)
def test_a_column_that_can_t_be_meant(fields: list[Any], name: str, message: str) -> None:
    with pytest.raises(TextError) as told:
        find_column(pa.schema(fields), name, PATH)
    assert message in str(told.value)


def test_arrays_over_bytes() -> None:
    assert texts_of([b"a", None, b"", "é".encode()]).to_pylist() == ["a", None, "", "é"]
    assert texts_of([]).to_pylist() == []
    assert one_text(bytearray(b"xxabc"), 2, 4).to_pylist() == ["ab"]
    assert checked(texts_of([b"a"]), 0, notes(), counted_from_1).to_pylist() == ["a"]
