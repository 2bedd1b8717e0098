"""
What bytes does a raw file hold once it is decompressed? Those that its name promises, or it is refused.

Memory does not grow with what the file expands to: bytes come in chunks of at most CHUNK_BYTES. A compressed file may
have several members or frames, and NUL bytes behind the last one. One that is cut, damaged or followed by anything else
is refused: training must not use the part that happened to be readable.
"""

import bz2
import codecs
import lzma
import re
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol

from nano3.formats.source import BY_LINE, COLUMNAR, TextError, damaged, kind_of, packing_of

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    import backports.zstd as zstd  # noqa: PLR0402 - tests take the distribution from the whole name

CHUNK_BYTES = 2**20
READ_BYTES = 2**16  # of compressed data at a time
HEAD_BYTES = 512
LARGEST_ZSTD_WINDOW = 31  # as a power of two: zstd --long=31
XZ_MEMORY_BYTES = 2**30
MARK = b"\xef\xbb\xbf"  # UTF-8's byte order mark

# How the bytes of what is mistaken for a raw file begin. Those of formats that we read are told apart by name.
KNOWN = {
    ".gz": (b"\x1f\x8b",),
    ".zst": (b"\x28\xb5\x2f\xfd", *(bytes([0x50 + number]) + b"\x2a\x4d\x18" for number in range(16))),
    ".bz2": (b"BZh",),
    ".xz": (b"\xfd7zXZ\0",),
    ".parquet": (b"PAR1",),
    ".arrow": (b"ARROW1", b"\xff\xff\xff\xff"),
}
FOREIGN = {
    b"PARE": "a parquet file whose footer is encrypted: decrypt it",
    b"PK\x03\x04": "a zip archive: unpack it",
    b"PK\x05\x06": "an empty zip archive: replace it",
    b"FEA1": "a Feather file of version 1: write it again in version 2",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive: unpack it",
    b"Rar!": "a rar archive: unpack it",
    b"\x04\x22\x4d\x18": "lz4 data: compress it with zstd instead",
    b"\x5d\x00\x00": "data of the old lzma format: compress it with xz instead",
    b"\xff\x06\x00\x00sNaPpY": "snappy data: compress it with zstd instead",
    b"\x1f\x9d": "data of Unix compress: compress it with zstd instead",
    b"\x00\x05\x16\x07": "macOS metadata of another file (AppleDouble): delete it",
    b"\x00\x05\x16\x00": "macOS metadata of another file (AppleSingle): delete it",
    b"SQLite format 3\0": "an SQLite database: export its table",
    b"ORC": "an ORC file: write it as parquet",
    b"Obj\x01": "an Avro file: write it as parquet",
    b"\x89HDF": "an HDF5 file: write it as parquet",
    b"\x93NUMPY": "a NumPy array: write it as parquet",
    b"%PDF-": "a PDF document: extract its text",
    b"version https://git-lfs": "a Git LFS pointer, not the data: run `git lfs pull` where it comes from",
    b"/annex/objects/": "a git-annex pointer, not the data: run `git annex get` where it comes from",
}
# Signatures that good text may begin with: the first need a byte behind them that no text has, the others more.
WORDS = (b"PAR1", b"PARE", b"ORC", b"FEA1", b"Obj\x01", b"ARROW1")
CUT_SHORT = (b"Rar!", b"BZh", b"]\0\0")
WHOLE = re.compile(
    rb"Rar!\x1a\x07|BZh[1-9](?:1AY&SY|\x17\x72\x45\x38\x50\x90)|\]\0\0..(?:\xff{8}|.{5}\0{3})\0", re.DOTALL
)
PAGE = re.compile(rb"\s*<(?:!doctype|html|head|body|\?xml|error)\b", re.IGNORECASE)


class Decompressor(Protocol):
    """One member or frame: what bz2, lzma and zstd have in common."""

    @property
    def eof(self) -> bool:
        """True if the end was reached."""

    @property
    def needs_input(self) -> bool:
        """True if there is no more output without more input."""

    @property
    def unused_data(self) -> bytes:
        """Input behind the end."""

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most max_length bytes of output."""


class GzipDecompressor:
    """A gzip member, as a Decompressor."""

    def __init__(self) -> None:
        self._stream = zlib.decompressobj(wbits=31)
        self._full = False

    @property
    def eof(self) -> bool:
        """True if the end was reached and the checksum is right."""
        return self._stream.eof

    @property
    def needs_input(self) -> bool:
        """True if there is no more output without more input."""
        return not self._full and not self._stream.unconsumed_tail

    @property
    def unused_data(self) -> bytes:
        """Input behind the end."""
        return self._stream.unused_data

    def decompress(self, data: bytes, max_length: int) -> bytes:
        """At most max_length bytes of output."""
        out = self._stream.decompress(self._stream.unconsumed_tail + data, max_length)
        self._full = len(out) == max_length
        return out


DECOMPRESSORS: dict[str, Callable[[], Decompressor]] = {
    ".gz": GzipDecompressor,
    ".zst": lambda: zstd.ZstdDecompressor(options={zstd.DecompressionParameter.window_log_max: LARGEST_ZSTD_WINDOW}),
    ".bz2": bz2.BZ2Decompressor,
    ".xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, XZ_MEMORY_BYTES),
}


def opened(path: PurePath, file: BinaryIO | None = None) -> AbstractContextManager[BinaryIO]:
    """A raw file to read. file: itself, if path is not local. Raises TextError if it can't be opened."""
    if file:
        return nullcontext(file)
    try:
        return Path(path).open("rb")
    except OSError as error:
        raise TextError(f"{path}: can't be read: {error.strerror}") from None


def chunks(path: PurePath, file: BinaryIO | None = None) -> Iterator[bytes]:
    """
    What a file holds, decompressed as its name says, without a byte order mark. file: itself, if path is not local.

    Raises TextError if the bytes are not what the name says, or if they are damaged, cut or followed by others.
    """
    packing = packing_of(path.name)
    with opened(path, file) as raw:
        data = _recognized(iter(partial(raw.read, READ_BYTES if packing else CHUNK_BYTES), b""), path, path.name)
        if packing:
            inside = path.name.removesuffix(packing)
            data = _recognized(_decompressed(data, path, DECOMPRESSORS[packing]), path, inside)
        yield from data


def check_head(path: PurePath, head: bytes, name: str) -> None:
    """Raises TextError if a file's first bytes are not what a name says."""
    if problem := refusal(head, name):
        raise TextError(f"{path}: {problem}, then pin its dataset again")


def refusal(head: bytes, name: str) -> str | None:
    """
    What bytes are that are not the format that a file's name says, with the remedy; None if they may be that format.

    head: the first HEAD_BYTES of the file, or all of a smaller one.
    """
    kind, packing = kind_of(name), packing_of(name)
    if not head:
        return "holds 0 bytes: replace it" if kind in COLUMNAR else None
    if packing and head.startswith(KNOWN[packing]):
        return None
    if not (kind in BY_LINE and _is_text(head)):
        known = next((ending for ending, starts in KNOWN.items() if head.startswith(starts)), None)
        if known:
            return _misnamed(known, kind, packing)
        if foreign := _foreign(head, kind):
            return foreign
    if packing:
        return f"is not {packing} data: name it {name.removesuffix(packing)} if it is not compressed, or replace it"
    return None


def _is_text(head: bytes) -> bool:
    """True if bytes begin with a signature and are text all the same."""
    if head.startswith(CUT_SHORT):
        return not WHOLE.match(head)
    if b"\0" in head or not head.startswith(WORDS):
        return False
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)  # a character may be cut at the end
    except UnicodeDecodeError:
        return False
    return True


def _misnamed(known: str, kind: str, packing: str) -> str | None:
    """known: what the bytes are, which may be right."""
    promised = packing or {".feather": ".arrow"}.get(kind, kind)  # Feather is Arrow's IPC file
    if known == promised:
        return None
    if known in COLUMNAR:
        return f"is a {known} file: name it so"
    if kind in COLUMNAR:
        return f"is compressed as {known}: decompress it"
    return f"is compressed as {known}, which its name does not say: let it end in {kind}{known}, or decompress it"


def _foreign(head: bytes, kind: str) -> str | None:
    """What bytes are that no raw file has."""
    what = next((what for start, what in FOREIGN.items() if head.startswith(start)), None)
    if what:
        return f"is {what}"
    if not head.strip(b"\0"):
        return "begins with NUL bytes alone, as a download that was cut does: replace it"
    if head[257:262] == b"ustar":
        return "is a tar archive: unpack it"
    if kind != ".txt" and PAGE.match(head):
        return "is a web page or a server's error message, not the data: download it again"
    wide = None if kind in COLUMNAR else _wide_encoding(head)
    return f"is {wide} text: convert it to UTF-8" if wide else None


def _wide_encoding(head: bytes) -> str | None:
    """UTF-16 or UTF-32, if the bytes look like it: by a byte order mark, or by zeros beside ASCII."""
    if head.startswith((b"\xff\xfe\0\0", b"\0\0\xfe\xff")):
        return "UTF-32"
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        return "UTF-16"
    if re.match(rb"(?:[\x09-\x7e]\0\0\0|\0\0\0[\x09-\x7e]){2}", head):
        return "UTF-32"
    return "UTF-16" if re.match(rb"(?:[\x09-\x7e]\0){4}|(?:\0[\x09-\x7e]){4}", head) else None


def _recognized(data: Iterable[bytes], path: PurePath, name: str) -> Iterator[bytes]:
    """The same bytes, if they may be what a name says, without a byte order mark."""
    head, data = b"", iter(data)
    for chunk in data:
        head += chunk
        if len(head) >= HEAD_BYTES:
            break
    check_head(path, head[:HEAD_BYTES], name)
    yield head.removeprefix(MARK)
    yield from data


def _decompressed(data: Iterable[bytes], path: PurePath, new: Callable[[], Decompressor]) -> Iterator[bytes]:
    """All members or frames, one behind the other. new: makes what reads one."""
    stream: Decompressor | None = None
    begun = False
    for piece in data:
        rest = piece
        try:
            while rest := rest.lstrip(b"\0") if begun and stream is None else rest:
                stream, begun = stream or new(), True
                yield stream.decompress(rest, CHUNK_BYTES)
                while not stream.eof and not stream.needs_input:
                    yield stream.decompress(b"", CHUNK_BYTES)
                rest = stream.unused_data if stream.eof else b""
                stream = None if stream.eof else stream
        except (EOFError, OSError, ValueError, zlib.error, lzma.LZMAError, zstd.ZstdError) as error:
            raise damaged(path, f"the compressed data is damaged or followed by something else: {error}") from None
    if stream is not None:
        raise damaged(path, "the compressed data is cut: it ends in the middle")
