import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano3.formats import source
from nano3.formats.contents import CHUNK_BYTES
from nano3.formats.json_rows import Elements
from nano3.formats.source import TextError, TextSource
from tests.formats.rows import PACK, TEXTS, column, json_lines, read, read_with_bad, skipping

ROWS = [{"id": number, "text": text} for number, text in enumerate(TEXTS)]


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize("ending", [".jsonl", ".ndjson", ".json"])
def test_lines(tmp_path: Path, ending: str, packing: str) -> None:
    path = tmp_path / f"a{ending}{packing}"
    path.write_bytes(PACK[packing](json_lines()))
    assert read(path) == TEXTS
    assert read(path, rows=1025) == TEXTS[:1025]


@pytest.mark.parametrize("indent", [None, 1, "\t"])
def test_one_array_in_a_line_or_over_many(tmp_path: Path, indent: Any) -> None:
    path = tmp_path / "a.json"
    path.write_text(f" \n{json.dumps(ROWS, indent=indent)} \n\n")
    assert read(path) == TEXTS
    assert read(path, rows=5) == TEXTS[:5]


def test_objects_over_many_lines(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text("\n".join(json.dumps(row, indent=2, ensure_ascii=False) for row in ROWS))
    assert read(path) == TEXTS


@given(st.lists(st.text(), max_size=6), st.integers(1, 9), st.sampled_from([None, 1]), st.booleans())
def test_an_array_comes_back_however_chunks_are_cut(texts: list[str], size: int, indent: Any, ascii_only: bool) -> None:
    rows = [{"a": ["[{", {"}": text}], "text": text} for text in texts]
    data = json.dumps(rows, indent=indent, ensure_ascii=ascii_only).encode()
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert [json.loads(bytes(row)) for row in Elements(chunks, Path("a.json"), True)] == rows
    data = b"\n".join(json.dumps(row, indent=indent).encode() for row in rows)
    chunks = [data[at : at + size] for at in range(0, len(data), size)]
    assert [json.loads(bytes(row)) for row in Elements(chunks, Path("a.json"), False)] == rows


def test_an_empty_array_has_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(" [ \n] ")
    assert read(tmp_path / "a.json") == []


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ('[{"text": "a"}, {"text": 5}]', "row 2 (counting from 1): the text is a number"),
        ('[{"text": "a"}, "b"]', "row 2 (counting from 1): a string, not an object"),
        ('[{"text": "a"},]', "row 2 (counting from 1): nothing stands here: there is a comma too many"),
        ('[{"text": "a"},,{"text": "b"}]', "row 2 (counting from 1): nothing stands here: there is a comma too many"),
        ('[{"text": "a"} {"text": "b"}]', "row 1 (counting from 1): more follows behind the object"),
        ('[{"text": "a"}, {"text": "b"}', "the array is cut in the middle of its element 2"),
        ('[{"text": "a"}, {"text": "b', "the array is cut in the middle of its element 2"),
        ('[{"text": "a"}}', "the array is cut in the middle of its element 1"),
        ("[", "the array is cut in the middle of its element 1"),
        ('[{"text": "a"}] [', "more follows behind the array"),
        ('[{"text": "a"}]\n{"text": "b"}', "more follows behind the array"),
        ('{\n "text": "a"\n}\n{\n "text": "b', "cut in the middle of object 2"),
        ('{\n "text": "a"\n}, {\n "text": "b"\n}', "row 2 (counting from 1): not JSON, not an object"),
        ('{"version": 1, "data": [{"text": "a"}]}', "text_column must be one of: version, data")
    ],
)  # fmt: skip
def test_an_array_that_is_not_right(tmp_path: Path, data: str, message: str) -> None:
    (tmp_path / "a.json").write_text(data)
    with pytest.raises(TextError) as told:
        read(tmp_path / "a.json")
    assert message in str(told.value)


def test_a_bad_element_is_skipped_and_a_cut_array_is_not(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    path.write_text('[{"text": "a"}, 5, {"text": ["]"]}, {"text": "b", "n": NaN}]')
    assert read_with_bad(path, skipping()) == (["a", None, None, "b"], [1, 2])
    path.write_text('[{"text": "a"}, 5, {"text": "b"}')
    with pytest.raises(TextError, match="the array is cut"):
        read(path, skipping())


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("is_array", [True, False])
def test_a_mark_that_breaks_an_element_is_never_skipped(tmp_path: Path, is_array: bool, indent: Any) -> None:
    rows = [json.dumps({"text": f"text {number}"}, indent=indent) for number in range(300)]
    rows[10], rows[250] = rows[10].replace("text 10", '5" disk'), rows[250].replace("text 250", '6" disk')
    begin, between, end = ("[", ", ", "]") if is_array else ('{\n"text": "x"}\n', "\n", "")
    path = tmp_path / "a.json"
    path.write_text(begin + between.join(rows) + end)
    place = 11 if is_array else 12
    for text_source in (TextSource("text"), skipping()):
        with pytest.raises(
            TextError, match=rf"a\.json: row {place} \(counting from 1\): not JSON: .*may hold others"
        ) as told:
            read(path, text_source)
        assert "on_bad_row" not in str(told.value)
    assert len(read_with_bad(path, skipping(), 5)[0]) == 5


@pytest.mark.parametrize("element", ["nonsense", '{"text": 1 2}', '{"text": "a"} {"text": "b"}', '{"text": ]}', ""])
def test_an_element_that_is_not_json_is_never_skipped(tmp_path: Path, element: str) -> None:
    (tmp_path / "a.json").write_text(f'[{{"text": "a"}}, {element}, {{"text": "b"}}]')
    with pytest.raises(TextError, match=r"row 2 \(counting from 1\): .*so it can't be skipped"):
        read(tmp_path / "a.json", skipping())


def test_rows_without_any_key(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("{}\n{}\n")
    with pytest.raises(TextError, match=r"a\.jsonl: no row has a column 'text': its rows have no keys at all"):
        read(tmp_path / "a.jsonl")


def test_of_many_keys_the_first_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(json.dumps({f"key {number}": 1 for number in range(500)}))
    with pytest.raises(TextError, match=r"one of: key 0, .*key 19 … and 480 more$"):
        read(tmp_path / "a.jsonl")


def test_a_row_without_the_column_has_no_text(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1}\n\n{"text": "x"}\r\n  \n{"text": null}\nnull\n{}')
    assert read(tmp_path / "a.jsonl") == [None, "x", None, None, None]


def test_a_column_that_no_row_has_is_an_error_with_the_names_there_are(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"id": 1, "body": "x"}\n{}\n')
    with pytest.raises(TextError, match=r"no row has a column 'text'; text_column must be one of: id, body"):
        read(tmp_path / "a.jsonl")


@pytest.mark.parametrize(
    ("name", "line", "text"),
    [
        ("doc.text", '{"doc.text": "exact"}', "exact"),
        ("doc.text", '{"doc": {"text": "inner"}}', "inner"),
        ("doc.text", '{"doc": {"text": "inner"}, "doc.text": "exact"}', "exact"),
        ("doc.text", '{"doc": "x", "doc.text": "exact"}', "exact"),
        ("doc.text", '{"doc.text": null, "doc": {"text": "inner"}}', None),
        ("doc.text", '{"doc": {}}', None),
        ("doc.text", '{"n": NaN, "doc": {"text": "inner"}}', "inner"),
        ("doc.text", '{"n": NaN, "doc.text": "exact", "doc": 5}', "exact"),
        ("a.b.c", '{"a": {"b.c": "x"}}', "x"),
        ("a.b.c", '{"a.b": {"c": "x"}, "n": NaN}', "x"),
        ("text", '{"text": "first", "text": "last"}', "last"),
        ("text", '{"text": "first", "n": NaN, "text": "last"}', "last"),
        ("text", '{"text": "x", "tree": %s}' % ("[" * 5000 + "]" * 5000), "x"),
        ("text", '{"text": "x", "score": NaN}', "x"),
        ("text", '{"text": "x", "score": %s}' % ("9" * 5000), "x"),
        ("text", r'{"text": "x", "title": "half \ud83d"}', "x"),
        ("text", r'{"text": "whole \ud83d\ude00", "n": NaN}', "whole 😀"),
        ("text", r'{"text": "", "n": NaN}', ""),
        ("text", r'{"text": null, "n": NaN}', None),
        ("", '{"": "x"}', "x"),
        ("naïve ключ", '{"na\\u00efve ключ": "x"}', "x"),
    ],
    ids=lambda value: str(value)[:40],
)  # fmt: skip
def test_the_text_of_a_row(tmp_path: Path, name: str, line: str, text: str | None) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"{name}": "before"}}\n{line}\n', encoding="utf-8")
    if name:
        assert read(tmp_path / "a.jsonl", column(name)) == ["before", text]


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize("name", ['a "quoted" name', "a\\b", "a\tb", "a\x00b", 'doc.the "text"'])
def test_a_name_that_must_be_escaped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, long: bool) -> None:
    if long:
        monkeypatch.setattr(source, "BATCH_BYTES", 3)
    rows = [{name: "x"}, {"other": 1}, {name: None}, {name: 5}]
    (tmp_path / "a.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert read_with_bad(tmp_path / "a.jsonl", skipping(name)) == (["x", None, None, None], [3])


def test_a_name_with_half_a_surrogate_pair(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"half \\ud83d": "x"}\n')
    assert read(tmp_path / "a.jsonl", column("half \ud83d")) == ["x"]


@pytest.mark.parametrize("long", [False, True])
@pytest.mark.parametrize(
    ("line", "message"),
    [
        (b'{"text": ', "the row is cut off in the middle"),
        (b'{"text": "y', "the row is cut off in the middle"),
        (b'{"text": "\xff"}', "byte 0xff in the text, its byte 1, is not UTF-8"),
        (b'{"text": 5}', "the text is a number"),
        (b'{"text": NaN}', "the text is NaN"),
        (b'{"text": "half \\ud83d"}', r"the text has half a surrogate pair, \ud83d"),
        (b"[1]", "a list, not an object"),
        (b"plain words", "not JSON, not an object"),
        (b'{"text": "x"} {"text": "y"}', "more follows behind the object"),
        (b'{"text": "\x01"}', "control character U+0001 in the text is not escaped"),
    ],
)
def test_a_bad_row_is_named_by_its_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, line: bytes, message: str, long: bool
) -> None:
    if long:  # a row that is read in place
        monkeypatch.setattr(source, "BATCH_BYTES", 3)
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"text": "a"}\n\n' + line + b'\n{"text": "b"}\n')
    with pytest.raises(TextError) as told:
        read(path)
    assert str(told.value) == (
        f"{path}: line 3: {message}; fix the row and pin its dataset again, "
        "or write on_bad_row: skip in its dataset's description"
    )
    assert read_with_bad(path, skipping()) == (["a", None, "b"], [1])


def test_a_column_inside_something_else_than_an_object(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"a": {"b": "x"}}\n{"a": "y"}\n')
    with pytest.raises(TextError, match="line 2: a is a string, not an object"):
        read(tmp_path / "a.jsonl", column("a.b"))


def test_bad_rows_behind_the_rows_that_are_asked_for_do_not_matter(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"text": "a"}\n{"text": "b"}\nnonsense\n')
    assert read(tmp_path / "a.jsonl", rows=2) == ["a", "b"]
    assert read_with_bad(tmp_path / "a.jsonl", skipping(), 2) == (["a", "b"], [])


def test_all_rows_may_be_bad(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("one\ntwo\n")
    assert read_with_bad(tmp_path / "a.jsonl", skipping()) == ([None, None], [0, 1])


def test_a_line_longer_than_a_chunk_is_whole(tmp_path: Path) -> None:
    text = "x" * (3 * CHUNK_BYTES + 5)
    (tmp_path / "a.jsonl").write_text(json.dumps({"text": "a"}) + "\n" + json.dumps({"text": text}) + "\n")
    (tmp_path / "a.json").write_text(json.dumps([{"text": "a"}, {"text": text}]))
    assert read(tmp_path / "a.jsonl") == read(tmp_path / "a.json") == ["a", text]


def test_long_rows_are_what_short_ones_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.jsonl"
    lines = [
        b'{"text": NaN}',
        b'{"n": NaN, "text": "x \\u00e9"}',
        b"{}",
        b'{"n": Infinity}',
        b'{"text": null}',
        b"null",
    ]
    path.write_bytes(json_lines(TEXTS[:40]) + b"\n".join(lines))
    short = read_with_bad(path, skipping())
    monkeypatch.setattr(source, "BATCH_BYTES", 3)
    assert read_with_bad(path, skipping()) == short
