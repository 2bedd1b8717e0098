"""Reads raw files as the tests of formats do, and packs them."""

import bz2
import gzip
import json
import lzma
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from backports import zstd

from nano3.formats.readers import count_rows, read_text
from nano3.formats.source import TextSource

SOURCE = TextSource("text")
PACK: dict[str, Callable[[bytes], bytes]] = {
    "": bytes,
    ".gz": gzip.compress,
    ".zst": zstd.compress,
    ".bz2": bz2.compress,
    ".xz": lzma.compress,
}
TEXTS = ["first", None, "", "zwölf\u2028still the same line", "x" * 5000, 'a "quoted", one\nof two lines'] * 300


def column(name: str) -> TextSource:
    """The source of a text column; bad rows are errors."""
    return TextSource(name)


def skipping(name: str | None = "text", document: Any = None) -> TextSource:
    """A source whose bad rows are skipped."""
    return TextSource(name, document, "skip")


def read(path: Path, source: TextSource = SOURCE, rows: int | None = None) -> list[str | None]:
    """All texts; a file that is read whole has as many rows as are counted."""
    texts = read_with_bad(path, source, rows)[0]
    assert rows is not None or count_rows(path, None, source) == len(texts)
    return texts


def read_with_bad(path: Path, source: TextSource, rows: int | None = None) -> tuple[list[str | None], list[int]]:
    """All texts, and the numbers of bad rows."""
    bad: list[int] = []
    texts = [text for batch in read_text(path, source, rows, bad) for text in batch.to_pylist()]
    return texts, bad


def json_lines(texts: Sequence[str | None] = TEXTS) -> bytes:
    """Rows of JSON, with other columns."""
    rows = enumerate({"text": text, "meta": {"n": [1], "id": number}} for number, text in enumerate(texts))
    return "".join(json.dumps(row, ensure_ascii=number % 2 == 0) + "\n" for number, row in rows).encode()
