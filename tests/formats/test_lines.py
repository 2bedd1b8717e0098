import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano3.formats import lines, source
from nano3.formats.lines import CR_BYTES, Lines
from nano3.formats.readers import count_rows
from nano3.formats.source import TextError, TextSource
from tests.formats.rows import PACK, TEXTS, column, read, read_with_bad, skipping

BY_FILE, BY_LINE = TextSource(None, "file"), TextSource(None, "line")


def table(rows: list[list[str]], separator: str = ",") -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=separator).writerows(rows)
    return file.getvalue().encode()


@pytest.mark.parametrize("packing", PACK)
@pytest.mark.parametrize(("ending", "separator"), [(".csv", ","), (".tsv", "\t")])
def test_a_table_of_text(tmp_path: Path, packing: str, ending: str, separator: str) -> None:
    path = tmp_path / f"a{ending}{packing}"
    texts = [text or "" for text in TEXTS]
    data = table([["id", "text", "more"], *([str(n), text, 'a "b"'] for n, text in enumerate(texts))], separator)
    for lines_end in (data, data.removesuffix(b"\r\n")):
        path.write_bytes(PACK[packing](lines_end))
        assert read(path) == texts
        assert read(path, rows=7) == texts[:7]


@given(st.lists(st.lists(st.text(), min_size=3, max_size=3), max_size=5), st.integers(1, 9), st.sampled_from(",\t"))
def test_any_fields_come_back_however_chunks_are_cut(rows: list[list[str]], size: int, separator: str) -> None:
    data = table([["a", "text", "b"], *rows], separator)
    cut = [data[at : at + size] for at in range(0, len(data), size)]
    fields = lines._Fields(separator)
    got = [
        bytes(row[begin:end])
        for row in Lines(cut, Path("a.csv"), separator)
        for row, begin, end in [fields.value(row, 1, 3)]
    ]
    assert got == [b"text", *(row[1].encode() for row in rows)]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"text,n\nx,1\ny\n", "line 3: has 1 field where the header has 2"),
        (b"text,n\nx,1\n\ny,2,3\n", "line 4: has 3 fields where the header has 2"),
        (b'text,n\n"two\nlines",1\nx,1,1\n', "line 4: has 3 fields"),
        (b'text,n\nfive" wide and 6" high,1\n', "line 2: a quotation mark stands inside a field"),
        (b'text,n\n"x"y,1\n', "line 2: a quotation mark stands inside a field"),
        (b'text,n\n"x" ,1\n', "line 2: a quotation mark stands inside a field"),
        (b"text,n\n\xff\xfe,1\n", "line 2: byte 0xff of the text, its byte 1, is not UTF-8"),
        (b'text,n\nx,1\n"never closed,2\ny,3\n', "line 3: a quotation mark opens a field and is never closed"),
        (b"text,n\xff\nx,1\n", "line 1: byte 0xff in the header is not UTF-8"),
        (b'te"xt"\nx\n', "line 1: the header can't be read: a quotation mark stands inside"),
        (b"body,id\nx,1\n", "no column 'text'; text_column must be one of: body, id"),
        (b"text,text\nx,y\n", "has 2 columns 'text'"),
        (
            b"id;text\n1;x\n",
            "no column 'text'; text_column must be one of: id;text; its fields seem to be separated by ';'",
        ),
        (b"id\ttext\n1\tx\n", r"its fields seem to be separated by '\t'"),
        (b"1,the first row is no header\n", "text_column must be one of: 1, the first row is no header"),
    ],
)
def test_a_csv_that_is_not_right(tmp_path: Path, data: bytes, message: str) -> None:
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(TextError) as told:
        read(tmp_path / "a.csv")
    assert message in str(told.value)


def test_bad_rows_of_a_csv_are_skipped_and_keep_their_numbers(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'n,text\n1,a\n2\n3,\xff\n4,d\n5,"x"y\n6,f\n')
    assert read_with_bad(tmp_path / "a.csv", skipping()) == (["a", None, None, "d", None, "f"], [1, 2, 4])
    assert read_with_bad(tmp_path / "a.csv", skipping(), 2) == (["a", None], [1])


@pytest.mark.parametrize(("ending", "separator"), [(".csv", ","), (".tsv", "\t")])
@pytest.mark.parametrize("line_end", ["\n", "\r\n"])
@pytest.mark.parametrize("stray", ['5" disk', '"a" b', 'a "b"', '"a"b', 'a""', '"a""b" c'])
def test_a_mark_inside_a_field_makes_one_line_bad(
    tmp_path: Path, ending: str, separator: str, line_end: str, stray: str
) -> None:
    rows = [f"text {number}" for number in range(300)]
    rows[10] = rows[250] = stray
    rows[100] = '"two\nlines, ""quoted"""'
    path = tmp_path / f"a{ending}"
    path.write_text(line_end.join(f"{row}{separator}1" for row in ["text", *rows]), newline="")
    with pytest.raises(TextError, match="line 12: a quotation mark stands inside a field"):
        read(path)
    texts, bad = read_with_bad(path, skipping())
    assert bad == [10, 250]
    assert texts[100:102] == ['two\nlines, "quoted"', "text 101"]
    assert len(texts) == count_rows(path) == 300


@given(st.text('",a\n\r', max_size=40), st.integers(1, 5))
def test_where_rows_end_does_not_depend_on_how_chunks_are_cut(data: str, size: int) -> None:
    whole = data.encode()
    cut = [whole[at : at + size] for at in range(0, len(whole), size)]
    results = []
    for chunks in ([whole], cut):
        try:
            results.append([bytes(row) for row in Lines(chunks, Path("a.csv"), ",")])
        except TextError as error:
            results.append([str(error).encode()])
    assert results[0] == results[1]


@pytest.mark.parametrize(
    "rows", ['"a,1\nb,2\nc" d,3\ne,4\n', '"a,1\nb,2\n",3,4\n', '"a\nb"\n', '"a\nb"c"\nd,1\n'], ids=repr
)
def test_a_bad_row_over_several_lines_is_never_skipped(tmp_path: Path, rows: str) -> None:
    (tmp_path / "a.csv").write_text(f"text,n\nx,1\n{rows}")
    with pytest.raises(
        TextError, match=r"a\.csv: line 3: .*; the row has \d lines, and a quotation mark may have"
    ) as told:
        read(tmp_path / "a.csv", skipping())
    assert "on_bad_row" not in str(told.value)
    assert read_with_bad(tmp_path / "a.csv", skipping(), 1) == (["x"], [])


@pytest.mark.parametrize(("ending", "separator"), [(".csv", ","), (".tsv", "\t")])
@pytest.mark.parametrize("columns", [1, 3])
def test_a_mark_that_swallows_a_thousand_rows_is_refused(
    tmp_path: Path, ending: str, separator: str, columns: int
) -> None:
    path = tmp_path / f"a{ending}"
    rest = f"{separator}1" * (columns - 1)
    rows = [f"text {number}{rest}" for number in range(2000)]
    rows[10], rows[1500] = f'"quote me{rest}', f'said so."{rest}'
    path.write_text("\n".join([separator.join(["text", "n", "m"][:columns]), *rows]))
    for text_source in (TextSource("text"), skipping()):
        with pytest.raises(TextError, match=r"line 12: the quotation mark .* is probably a character") as told:
            read(path, text_source)
    assert "on_bad_row" not in str(told.value)
    with pytest.raises(TextError, match="line 12: the quotation mark"):
        count_rows(path)


def test_a_quoted_text_of_thousands_of_lines_is_a_text(tmp_path: Path) -> None:
    book = "A line, and another one\nthen one, two, three\nand none\n" * 1000
    for names in (["text"], ["text", "n"]):
        (tmp_path / "a.csv").write_bytes(table([names, *([book, "1"][: len(names)] for _ in range(2))]))
        assert read(tmp_path / "a.csv") == [book, book]


@pytest.mark.parametrize("packing", ["", ".gz"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt", "a.jsonl", "a.json"])
def test_lines_that_end_in_cr_alone_are_refused(tmp_path: Path, name: str, packing: str) -> None:
    path = tmp_path / (name + packing)
    text_source = BY_LINE if name == "a.txt" else TextSource("text")
    rows = '{"text": "x"}\r{"text": "y"}\r' if "json" in name else "text\rx\ry\r"
    for data in (rows, rows * 9000):
        path.write_bytes(PACK[packing](data.encode()))
        with pytest.raises(TextError, match="its lines end in CR alone: convert them to LF"):
            read(path, text_source)
        with pytest.raises(TextError, match="its lines end in CR alone"):
            count_rows(path, None, text_source)


def test_a_cr_that_ends_no_line_is_text(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"x" * (CR_BYTES - 1) + b"\r\nb\rc\n")
    assert read(path, BY_LINE) == ["x" * (CR_BYTES - 1), "b\rc"]
    path.write_bytes(b"one\rdocument\r")
    assert read(path, BY_FILE) == ["one\rdocument\r"]


def test_of_many_columns_the_first_are_told(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(",".join(f"c{number}" for number in range(500)))
    with pytest.raises(TextError, match=r"one of: c0, .*c19 … and 480 more$"):
        read(tmp_path / "a.csv")


def test_bytes_that_are_not_utf8_in_another_field_are_nobodys_concern(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"n,text\n\xff,a\n")
    assert read(tmp_path / "a.csv") == ["a"]


def test_a_header_with_quotes_dots_and_blanks(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'"doc.text","a ""b""", c\nx,y,z\n')
    for name, text in (("doc.text", "x"), ('a "b"', "y"), (" c", "z")):
        assert read(tmp_path / "a.csv", column(name)) == [text]


def test_a_header_alone_is_no_rows(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"text,n\r\n")
    assert read(tmp_path / "a.csv") == []


def test_a_field_of_a_megabyte_and_a_longer_one_than_a_batch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "BATCH_BYTES", 100_000)
    monkeypatch.setattr(lines, "PIECE_BYTES", 1000)
    texts = ["a", 'b"\n' * 400_000, "c" * 1_000_000, "d", '"' * 250_000]
    (tmp_path / "a.csv").write_bytes(table([["n", "text"], *([str(n), text] for n, text in enumerate(texts))]))
    assert read(tmp_path / "a.csv") == texts


@pytest.mark.parametrize("packing", PACK)
def test_a_text_file_is_a_document_or_a_line_is(tmp_path: Path, packing: str) -> None:
    path = tmp_path / f"a.txt{packing}"
    path.write_bytes(PACK[packing]("\ufefffirst\r\n\n \t\nzwölf\u2028 \nlast".encode()))
    assert read(path, BY_FILE) == ["first\r\n\n \t\nzwölf\u2028 \nlast"]
    assert read(path, BY_LINE) == ["first", "zwölf\u2028 ", "last"]
    path.write_bytes(PACK[packing](b""))
    assert read(path, BY_FILE) == read(path, BY_LINE) == []


def test_a_line_that_is_not_utf8_is_named_as_an_editor_does(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_bytes(b"one\n\nthr\xe9e\nfour\n")
    with pytest.raises(TextError, match=r"a\.txt: line 3: byte 0xe9 of the text, its byte 4, is not UTF-8"):
        read(path, BY_LINE)
    with pytest.raises(TextError, match=r"the whole file: byte 0xe9 of the text, its byte 9, is not UTF-8"):
        read(path, BY_FILE)
    assert read_with_bad(path, skipping(None, "line")) == (["one", None, "four"], [1])
    assert read_with_bad(path, skipping(None, "file")) == ([None], [0])


def test_nul_bytes_and_control_characters_are_text(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"a\0b\x1b[0m\rc\n")
    assert read(tmp_path / "a.txt", BY_LINE) == ["a\0b\x1b[0m\rc"]


@pytest.mark.parametrize("packing", ["", ".gz"])
def test_a_row_that_is_too_long_is_bad_and_the_next_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, packing: str
) -> None:
    monkeypatch.setattr(source, "LONGEST_BYTES", 3_000_000)
    long = b"x" * 3_000_001
    for name, text_source, data in (
        ("a.txt", BY_LINE, b"a\n%b\nb\n"),
        ("a.csv", TextSource("text"), b'text\na\n"%b"\nb\n'),
        ("a.jsonl", TextSource("text"), b'{"text": "a"}\n{"text": "%b"}\n{"text": "b"}\n'),
        ("a.json", TextSource("text"), b'[{"text": "a"}, {"text": "%b"}, {"text": "b"}]'),
    ):
        path = tmp_path / (name + packing)
        path.write_bytes(PACK[packing](data % long))
        with pytest.raises(TextError, match=r"(line|row) \d.*: it is longer than 3,000,000 bytes, the longest row"):
            read(path, text_source)
        skip = TextSource(text_source.text_column, text_source.document, "skip")
        assert read_with_bad(path, skip) == (["a", None, "b"], [1])
        assert read(path, skip) == ["a", None, "b"]
    path.write_bytes(PACK[packing](data % long[:2_999_900]))
    assert read(path, text_source) == ["a", "x" * 2_999_900, "b"]


def test_a_document_that_is_too_long_is_bad(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(source, "LONGEST_BYTES", 10)
    (tmp_path / "a.txt").write_bytes(b"x" * 11)
    with pytest.raises(TextError, match="the whole file: it is longer than 10 bytes"):
        read(tmp_path / "a.txt", BY_FILE)
    assert read_with_bad(tmp_path / "a.txt", skipping(None, "file")) == ([None], [0])
