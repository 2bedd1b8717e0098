"""
Why is a long JSON line not decoded like any other?

Because the line, a str of up to four bytes a character and Arrow's copy would be in memory at once. Unescaped text is
never longer than its escaped form, so it is written over the line.
"""

import msgspec
import numpy as np
import pyarrow as pa

PIECE_BYTES = 2**20
LONGEST_CHARACTER = len(r"\ud83d\ude00")


def unescape(line: bytearray, value: msgspec.Raw) -> pa.LargeStringArray:
    """
    A JSON string as an array of one text. line: the buffer that value is a view of; it holds the text afterwards.

    Raises msgspec.DecodeError or UnicodeDecodeError, with positions relative to a piece.
    """
    inside = np.frombuffer(value, dtype=np.uint8)[1:-1]
    begin = inside.ctypes.data - np.frombuffer(line, dtype=np.uint8).ctypes.data
    end, size = begin + len(inside), 0
    with memoryview(line) as memory:
        while begin < end:
            text, begin = _next_piece(memory[:end], begin)
            memory[size : size + len(text)] = text
            size += len(text)
    return pa.LargeStringArray.from_buffers(1, pa.py_buffer(np.array([0, size])), pa.py_buffer(line))


def _next_piece(memory: memoryview, begin: int) -> tuple[bytes, int]:
    """About PIECE_BYTES of a JSON string from begin as UTF-8, and where the next piece begins."""
    last = min(begin + PIECE_BYTES, len(memory))
    for end in range(last, max(begin, last - LONGEST_CHARACTER), -1):
        try:  # only the decoder knows whether a character ends here
            return msgspec.json.decode(b"".join((b'"', memory[begin:end], b'"')), type=str).encode(), end
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            problem = error
    raise problem
