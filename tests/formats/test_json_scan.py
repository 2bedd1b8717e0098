import itertools
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano3.formats import json_scan
from nano3.formats.json_scan import LONGEST_CHARACTER, Span, find, keys_of, text_of, unescape
from nano3.formats.source import RowError

SPELLINGS = ["a", "é", "\u4f60", "\N{GRINNING FACE}", r"\n", r"\"", r"\\", r"\/", r"\u00e9", r"\ud83d\ude00", r"\u0000"]
VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
    lambda inside: st.lists(inside) | st.dictionaries(st.text(), inside),
    max_leaves=10,
)


def text_in(line: str | bytes, *names: str) -> str | None:
    """The text of a column that is there."""
    data = line.encode() if isinstance(line, str) else line
    span = find(data, names or ("text",))
    assert span is not None
    return text_of(data, span)


def unescaped(line: str) -> str | None:
    buffer = bytearray(line.encode())
    span = find(buffer, ["text"])
    assert span is not None
    return buffer[: unescape(buffer, span)].decode()


@given(st.lists(st.sampled_from(SPELLINGS)).map("".join), st.integers(LONGEST_CHARACTER, 40))
def test_a_string_is_what_json_says_however_it_is_cut(spelled: str, piece: int) -> None:
    line = f'{{"id": "x", "text": "{spelled}", "after": "y"}}'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scan, "PIECE_BYTES", piece)
        assert unescaped(line) == text_in(line) == json.loads(line)["text"]


@given(st.text(), st.integers(LONGEST_CHARACTER, 40), st.booleans())
def test_any_text_comes_back(text: str, piece: int, ascii_only: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_scan, "PIECE_BYTES", piece)
        line = json.dumps({"text": text}, ensure_ascii=ascii_only)
        assert unescaped(line) == text_in(line) == text


@pytest.mark.parametrize("bad", [rb"\ud83d", rb"\ude00", rb"\ud83d\u0041", b"\xff", b"\xf0\x9f", b"\xed\xa0\xbd"])
@pytest.mark.parametrize("before", range(30))
def test_invalid_text_is_an_error_at_any_position(bad: bytes, before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_scan, "PIECE_BYTES", LONGEST_CHARACTER)
    line = bytearray(b'"' + b"x" * before + bad + b'xxxxxxxx"')
    with pytest.raises(RowError):
        unescape(line, Span(0, len(line)))


@given(st.dictionaries(st.text(), VALUES), st.text(), st.sampled_from([None, 1]))
def test_a_column_among_any_others_is_what_pythons_decoder_reads(
    others: dict[str, Any], text: str, indent: Any
) -> None:
    line = json.dumps(others | {"text": text}, indent=indent).encode()
    span = find(line, ["text"])
    assert span is not None
    assert text_of(line, span) == text
    names = [
        [name, *(f"{name}.{field}" for field in (value if isinstance(value, dict) else ()))]
        for name, value in json.loads(line).items()
    ]
    assert keys_of(line) == list(itertools.chain(*names))
    assert find(json.dumps({**others, "text": {}}).encode(), ["other", "name"]) is None or "other" in others


@pytest.mark.parametrize(
    "odd",
    [
        "NaN", "Infinity", "-Infinity", "nan", "-inf", "1e999", "1" * 5000, "-0.0E+5", "+1", ".5", "0x1F", "1_000",
        "01", "[" * 100_000 + "]" * 100_000, '{"a":' * 50_000 + "1" + "}" * 50_000, r'"\ud83d"', r'"\x"', '"\t"',
        '"a\\"}],"',
        '{"text": "inner"}', "[]", "{}", '[[], {"": []}]', "true", "null", '{"text": NaN}',
    ],
    ids=lambda odd: odd[:12],
)  # fmt: skip
def test_what_is_odd_in_another_column_is_skipped(odd: str) -> None:
    for line in (
        f'{{"x": {odd}, "text": "right"}}',
        f'{{"text": "right", "x": {odd}}}',
        f'{{"x":{odd},"text":"right"}} ',
    ):
        assert text_in(line) == "right"


def test_bytes_that_are_not_utf8_in_another_column_are_skipped() -> None:
    assert text_in(b'{"x": "\xff\xfe", "\xff": 1, "text": "right"}') == "right"
    assert keys_of(b'{"\xff": 1, "text": 2}') == ["text"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": NaN}', "the text is NaN"),
        ('{"text": -Infinity}', "the text is -Infinity"),
        ('{"text": 5}', "the text is a number"),
        ('{"text": true}', "the text is true"),
        ('{"text": ["x"]}', "the text is a list"),
        ('{"text": {"x": 1}}', "the text is an object"),
        (r'{"text": "half \ud83d of it"}', r"the text has half a surrogate pair, \ud83d"),
        (r'{"text": "half \ude00"}', r"the text has half a surrogate pair, \ude00"),
        (r'{"text": "\x41"}', "the text has an escape that JSON does not know"),
        (r'{"text": "\u12"}', "the text has an escape that JSON does not know"),
        ('{"text": "a\tb"}', "control character U+0009 in the text is not escaped"),
        (b'{"text": "ab\xff"}', "byte 0xff in the text, its byte 3, is not UTF-8"),
        (b'{"text": "\xed\xa0\xbd"}', "byte 0xed in the text, its byte 1, is not UTF-8"),
        ('{"text": "cut', "the row is cut off in the middle"),
        ('{"text": "x", ', "the row is cut off in the middle"),
        ('{"text": "x", "y": [1, {', "the row is cut off in the middle"),
        ('{"text"', "the row is cut off in the middle"),
        ("[1, 2]", "a list, not an object"),
        ('"text"', "a string, not an object"),
        ("5", "a number, not an object"),
        ("NaN", "NaN, not an object"),
        ("text", "not JSON, not an object"),
        (bytes(40), "NUL bytes, not an object"),
        (b"\xef\xbb\xbf{}", "a byte order mark in the middle of the file, not an object"),
        (b'\x1e{"text": "x"}', "a record separator (RFC 7464), not an object"),
        ('{"text": "x"}\x00\x00', "more follows behind the object"),
        ('{"text": "x"}\r{"text": "y"}', "more follows behind the object"),
        ('{"text": "x"} {"text": "y"}', "more follows behind the object"),
        ('{"text": "x"},', "more follows behind the object"),
        ("{'text': 'x'}", "not JSON: byte 2 of the row is \"'\" where JSON is expected"),
        ('{text: "x"}', "not JSON: byte 2 of the row is 't' where name or } is expected"),
        ('{"text" "x"}', "not JSON: byte 9 of the row is '\"' where : is expected"),
        ('{"text": "x",}', "not JSON: byte 14 of the row is '}' where name is expected"),
        ('{"x": [1, 2, "text": "y"}', "not JSON: byte 20 of the row is ':' where , or ] is expected"),
        ('{"x": [1}, "text": "y"}', "not JSON: byte 9 of the row is '}' where , or ] is expected"),
        ('{"x": None, "text": "y"}', "not JSON: byte 7 of the row is 'N' where a value is expected"),
        ('{"x": undefined, "text": "y"}', "not JSON: byte 7 of the row is 'u'"),
        ('{"x": 1 // why\n, "text": "y"}', "not JSON: byte 9 of the row is '/'"),
        ('{"x": , "text": "y"}', "not JSON: byte 7 of the row is ',' where value is expected"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said_as_what_it_is(line: str | bytes, message: str) -> None:
    with pytest.raises(RowError) as told:
        text_in(line)
    assert message in str(told.value)


@pytest.mark.parametrize(
    ("line", "names", "text"),
    [
        ('{"doc.text": "exact"}', ["doc", "text"], "exact"),
        ('{"doc": {"text": "inner"}}', ["doc", "text"], "inner"),
        ('{"doc": {"text": "inner"}, "doc.text": "exact"}', ["doc", "text"], "exact"),
        ('{"a": {"b.c": "x"}}', ["a", "b", "c"], "x"),
        ('{"a.b": {"c": "x"}}', ["a", "b", "c"], "x"),
        ('{"a": {"b": {"c": "x"}}}', ["a", "b", "c"], "x"),
        ('{"text": "first", "text": "last"}', ["text"], "last"),
        ('{"a": {"b": "x"}, "a": {"b": "y"}}', ["a", "b"], "y"),
        (r'{"te\u0078t": "x"}', ["text"], "x"),
        ('{"a": null}', ["a", "b"], None),
        ('{"a": {"b": null}}', ["a", "b"], None),
        ("null", ["text"], None),
    ],
)
def test_names_with_dots_and_names_that_are_there_twice(line: str, names: list[str], text: str | None) -> None:
    assert text_in(line, *names) == text


def test_a_column_that_is_not_there_or_lies_in_no_object() -> None:
    for line in ("{}", '{"x": 1}', '{"doc": {}}', '{"doc": {"x": "text"}}', '{"doc": {"text": "x"}, "doc": {"y": 1}}'):
        assert find(line.encode(), ["doc", "text"]) is None
    with pytest.raises(RowError, match="doc is a string, not an object"):
        find(b'{"doc": "x"}', ["doc", "text"])
