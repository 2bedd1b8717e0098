"""
Where do the values of a JSON row begin and end? Found without building one, so that only the asked one must be right.

The fast decoder refuses a row for a NaN, a nesting of a thousand levels or half a surrogate pair in any column. Here a
row is walked through, token by token and without recursion: what nobody asked for is skipped, and what is wrong with
the text, or with the row as a whole, is said as what it is.

A long text is unescaped in place: the line, a str of up to four bytes a character and Arrow's copy would be in memory
at once, and unescaped text is never longer than its escaped form.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import msgspec

from nano3.formats.source import RowError

PIECE_BYTES = 2**20
LONGEST_CHARACTER = len(r"\ud83d\ude00")

# Possessive: a text of 500 MB must not leave 500 million places to come back to.
TOKEN = re.compile(
    rb'[ \t\r\n]*+(?:(?P<string>"[^"\\]*+(?:\\.[^"\\]*+)*+")|(?P<scalar>[-+.\w]++)|(?P<mark>[\[\]{},:]))', re.DOTALL
)
SCALAR = re.compile(rb"true|false|null|[-+]?(?:nan|inf(?:inity)?|[0-9.][-+.\w]*)", re.IGNORECASE)
BLANK = re.compile(rb"[ \t\r\n]*")
CONTROL = re.compile(rb"[\x00-\x1f]")
HALF_PAIR = re.compile(r"[\ud800-\udfff]")
# What a row or a value may begin with that is no number and no word.
UNEXPECTED = {
    b'"': "a string",
    b"[": "a list",
    b"{": "an object",
    b"\0": "NUL bytes",
    b"\x1e": "a record separator (RFC 7464)",
    b"\xef": "a byte order mark in the middle of the file",
}
CLOSES = {ord("{"): ord("}"), ord("["): ord("]")}

Line = bytes | bytearray


class BrokenRowError(RowError):
    """A row is no JSON as a whole: where nothing but its brackets says where it ends, it may hold others."""


class Span(NamedTuple):
    """Where a value stands in a line: bytes begin to end - 1."""

    begin: int
    end: int


def find(line: Line, names: Sequence[str]) -> Span | None:
    """
    The value of a column in a row; None if the row has none.

    names: the column's name at its dots. A name with dots in it goes before a field inside a column, and of two equal
    names the last one counts. Raises RowError if the row is no object or the column lies in none,
    BrokenRowError if it is not JSON.
    """
    begin = _value_begin(line, 0)
    is_null = line[begin : begin + 4] == b"null"
    if line[begin : begin + 1] != b"{" and not is_null:
        raise _no_object(line, begin)
    end = _value_end(line, begin)
    if _value_begin(line, end) != len(line):
        raise BrokenRowError("more follows behind the object")
    return Span(begin, end) if is_null else _find_in(line, begin, names)


def text_of(line: Line, span: Span) -> str | None:
    """A value as text; None for null. Raises RowError if it is anything else, or not valid."""
    if line[span.begin] != ord('"'):
        if line[span.begin : span.end] == b"null":
            return None
        raise RowError(f"the text is {_kind_at(line, span.begin)}")
    spelled = bytes(line[span.begin : span.end])
    try:
        text: str = msgspec.json.decode(spelled, type=str)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise RowError(_problem_of(spelled[1:-1])) from None
    return text


def keys_of(line: Line) -> list[str]:
    """The names in a row that is an object, and as name.field those in its objects; none of any other."""
    begin = _value_begin(line, 0)
    if line[begin : begin + 1] != b"{":
        return []
    names = []
    for name, value in _members(line, begin):
        if name is not None:
            inside = _members(line, value.begin) if line[value.begin : value.begin + 1] == b"{" else ()
            names += [name, *(f"{name}.{field}" for field, _ in inside if field is not None)]
    return names


def unescape(line: bytearray, span: Span) -> int:
    """
    Write the text of a JSON string over the beginning of its line. Returns its size in bytes.

    Raises RowError if it is not valid.
    """
    begin, end, size = span.begin + 1, span.end - 1, 0
    with memoryview(line) as memory:
        while begin < end:
            text, begin = _next_piece(memory[:end], begin)
            memory[size : size + len(text)] = text
            size += len(text)
    return size


def _next_piece(memory: memoryview, begin: int) -> tuple[bytes, int]:
    """About PIECE_BYTES of a JSON string from begin as UTF-8, and where the next piece begins."""
    last = min(begin + PIECE_BYTES, len(memory))
    for end in range(last, max(begin, last - LONGEST_CHARACTER), -1):
        try:  # only the decoder knows whether a character ends here
            return msgspec.json.decode(b"".join((b'"', memory[begin:end], b'"')), type=str).encode(), end
        except (msgspec.DecodeError, UnicodeDecodeError):
            continue
    raise RowError(_problem_of(bytes(memory[begin:last])))


def _no_object(line: Line, begin: int) -> RowError:
    if begin == len(line):
        return BrokenRowError("nothing stands here: there is a comma too many")
    problem = f"{_kind_at(line, begin)}, not an object"
    try:
        is_whole = _value_begin(line, _value_end(line, begin)) == len(line)
    except BrokenRowError:
        is_whole = False
    return RowError(problem) if is_whole else BrokenRowError(problem)


def _find_in(line: Line, begin: int, names: Sequence[str]) -> Span | None:
    """The value in the object that begins here."""
    starts = {".".join(names[:size]): size for size in range(1, len(names) + 1)}
    spans: dict[int, Span] = {}
    for name, span in _members(line, begin):
        if name in starts:
            spans[starts[name]] = span
    for size, span in sorted(spans.items(), reverse=True):
        if size == len(names) or line[span.begin : span.end] == b"null":
            return span
        if line[span.begin] != ord("{"):
            raise RowError(f"{'.'.join(names[:size])} is {_kind_at(line, span.begin)}, not an object")
        if inside := _find_in(line, span.begin, names[size:]):
            return inside
    return None


def _members(line: Line, begin: int) -> Iterator[tuple[str | None, Span]]:
    """Names and values of the object that begins here; None for a name that is no text."""
    at = begin + 1
    while (token := _token(line, at)).lastgroup == "string":
        at = _value_begin(line, _token(line, token.end()).end())
        span = Span(at, _value_end(line, at))
        try:
            yield msgspec.json.decode(token["string"], type=str), span
        except (msgspec.DecodeError, UnicodeDecodeError):
            yield None, span
        separator = _token(line, span.end)
        if separator["mark"] != b",":
            return
        at = separator.end()


def _value_end(line: Line, begin: int) -> int:
    """Where the value that begins here ends. Raises BrokenRowError if it is not one."""
    open_marks, at, expected = bytearray(), begin, "value"
    while True:
        token = _token(line, at)
        at, group = token.end(), token.lastgroup
        mark = token["mark"]  # the others may be long: they are not copied
        allowed = expected.split(" or ")
        if group != "mark" and ("value" in allowed or ("name" in allowed and group == "string")):
            if group == "scalar" and not SCALAR.fullmatch(line, *token.span("scalar")):
                raise _unexpected(line, token.start("scalar"), "a value")
            expected = ":" if "name" in allowed else _after_value(open_marks)
        elif mark in (b"{", b"[") and "value" in allowed:
            open_marks += mark
            expected = "name or }" if mark == b"{" else "value or ]"
        elif mark is not None and mark.decode() in allowed:
            if mark in (b"}", b"]"):
                open_marks.pop()
                expected = _after_value(open_marks)
            elif mark == b":":
                expected = "value"
            else:
                expected = "name" if open_marks[-1] == ord("{") else "value"
        else:
            raise _unexpected(line, token.start(str(group)), expected)
        if not open_marks:
            return at


def _after_value(open_marks: bytearray) -> str:
    return f", or {chr(CLOSES[open_marks[-1]])}" if open_marks else "the end"


def _token(line: Line, at: int) -> re.Match[bytes]:
    token = TOKEN.match(line, at)
    if token is None:
        begin = _value_begin(line, at)
        is_open = line[begin : begin + 1] == b'"'
        raise _unexpected(line, len(line) if is_open else begin, "JSON")
    return token


def _value_begin(line: Line, at: int) -> int:
    blank = BLANK.match(line, at)
    return blank.end() if blank else at


def _unexpected(line: Line, at: int, expected: str) -> BrokenRowError:
    if at >= len(line):
        return BrokenRowError("the row is cut off in the middle")
    return BrokenRowError(f"not JSON: byte {at + 1} of the row is {chr(line[at])!a} where {expected} is expected")


def _kind_at(line: Line, begin: int) -> str:
    """What the value is that begins here, by its first byte."""
    first = bytes(line[begin : begin + 1])
    if first in UNEXPECTED:
        return UNEXPECTED[first]
    scalar = TOKEN.match(line, begin)
    word = scalar["scalar"] if scalar else None
    if word in (b"true", b"false"):
        return word.decode()
    if word and re.fullmatch(rb"[-+]?(?:nan|inf(?:inity)?)", word, re.IGNORECASE):
        return word.decode()
    return "a number" if word and SCALAR.fullmatch(word) and word != b"null" else "not JSON"


def _problem_of(inside: bytes) -> str:
    """What keeps the inside of a JSON string from being text."""
    try:
        inside.decode()
    except UnicodeDecodeError as error:
        return f"byte {inside[error.start]:#04x} in the text, its byte {error.start + 1}, is not UTF-8"
    if control := CONTROL.search(inside):
        return f"control character U+{control[0][0]:04X} in the text is not escaped"
    try:
        half = HALF_PAIR.search(json.loads(b'"%b"' % inside))
    except ValueError:
        half = None
    if half:
        return f"the text has half a surrogate pair, \\u{ord(half[0]):04x}"
    return "the text has an escape that JSON does not know"
