import json

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nano3.raw import json_lines
from nano3.raw.json_lines import LONGEST_CHARACTER, unescape

SPELLINGS = ["a", "é", "\u4f60", "\N{GRINNING FACE}", r"\n", r"\"", r"\\", r"\/", r"\u00e9", r"\ud83d\ude00", r"\u0000"]


def unescaped(line: str) -> str | None:
    buffer = bytearray(line.encode())
    text: str | None = unescape(buffer, msgspec.json.decode(buffer, type=dict[str, msgspec.Raw])["text"])[0].as_py()
    return text


@given(st.lists(st.sampled_from(SPELLINGS)).map("".join), st.integers(LONGEST_CHARACTER, 40))
def test_a_string_is_what_json_says_however_it_is_cut(spelled: str, piece: int) -> None:
    line = f'{{"id": "x", "text": "{spelled}", "after": "y"}}'
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "PIECE_BYTES", piece)
        assert unescaped(line) == json.loads(line)["text"]


@given(st.text(), st.integers(LONGEST_CHARACTER, 40), st.booleans())
def test_any_text_comes_back(text: str, piece: int, ascii_only: bool) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(json_lines, "PIECE_BYTES", piece)
        assert unescaped(json.dumps({"text": text}, ensure_ascii=ascii_only)) == text


@pytest.mark.parametrize("bad", [rb"\ud83d", rb"\ude00", rb"\ud83d\u0041", b"\xff", b"\xf0\x9f", b"\xed\xa0\xbd"])
@pytest.mark.parametrize("before", range(30))
def test_invalid_text_is_an_error_at_any_position(bad: bytes, before: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "PIECE_BYTES", LONGEST_CHARACTER)
    line = bytearray(b'"' + b"x" * before + bad + b'xxxxxxxx"')
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)):
        unescape(line, msgspec.Raw(line))
