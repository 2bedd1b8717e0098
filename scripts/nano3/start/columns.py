"""
Which column holds the text? The one whose name says so or, if none does, the one with the longest texts.

A guess is certain if a name says it and no other column has much longer texts, or if there is only one column of text.
Texts are read as tokenizing would read them, so what is shown is what would be trained on.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path

import pyarrow as pa

from nano3.formats.readers import READERS, read_text
from nano3.formats.source import Document, Notes, TextError, TextSource, kind_of
from nano3.start.folder import StartError

LOOK_ROWS, LOOK_FILES = 300, 3
# Names that say so, the surest first; of a field inside a column, its own name counts.
NAMES = [
    *("text", "content", "body", "document", "raw_content", "markdown", "contents", "page_content", "article"),
    *("passage", "story", "code", "source_code", "completion", "answer"),
]
MUCH_LONGER = 4
NO_COLUMN = "\x01"  # a name that no column has
SAMPLE_CHARACTERS = 60
MANY_FILES = 20  # .txt files of a folder, from which on each is taken for a document


@dataclass(frozen=True)
class TextColumn:
    """A column of text in the rows looked at. with_text: rows with any. mean: characters of these. sample: of one."""

    name: str
    rows: int
    with_text: int
    mean: float
    sample: str

    @property
    def rank(self) -> tuple[int, int, float]:
        """Smallest for the column that is most likely the text."""
        last = self.name.rpartition(".")[2].lower()
        by_name = NAMES.index(last) if last in NAMES else len(NAMES)
        return by_name, self.name.count("."), -self.mean


@dataclass(frozen=True)
class Guess:
    """columns: most likely text first. certain: whether nobody needs to be asked."""

    columns: list[TextColumn]
    certain: bool

    @property
    def best(self) -> TextColumn:
        """The most likely one."""
        return self.columns[0]


def guess(paths: Sequence[Path]) -> Guess:
    """
    The text column of files of one format, as the first rows of some of them show it.

    Raises StartError if no column holds text, TextError for files that can't be read.
    """
    columns: dict[str, TextColumn] = {}
    for number, path in enumerate(_some(paths)):
        of_file = {column.name: column for column in columns_of(path)}
        both = of_file.keys() & columns.keys()
        columns = {name: _joined(columns[name], of_file[name]) for name in columns if name in both} or (
            of_file if not number or not columns else columns
        )
    if not columns:
        names = ", ".join(_names(paths[0])) or "none"
        raise StartError(f"{paths[0]}: no column of its first {LOOK_ROWS} rows holds text; its columns: {names}")
    ranked = sorted(columns.values(), key=lambda column: column.rank)
    best, longest = ranked[0], max(column.mean for column in ranked)
    named = [column for column in ranked if column.rank[0] < len(NAMES)]
    said = best in named and (len(named) == 1 or best.rank[0] == 0) and best.mean * MUCH_LONGER >= longest
    return Guess(ranked, said or len(ranked) == 1)


def columns_of(path: Path) -> list[TextColumn]:
    """The columns of a file that hold text, in its order; none of a file without rows. Raises TextError, as guess."""
    columns, faults = list[TextColumn](), list[TextError]()
    for name in _names(path):
        try:
            if column := _column(path, name):
                columns.append(column)
        except TextError as error:  # two columns of this name, or a damaged file
            faults.append(error)
    if faults and not columns:
        raise faults[0]
    return columns


def guess_document(paths: Sequence[Path]) -> Document:
    """What a document of .txt files is: a file if there are many of them, else a line."""
    return "file" if len(paths) >= MANY_FILES else "line"


def _some(paths: Sequence[Path]) -> list[Path]:
    """The first, the middle and the last of some files."""
    places = {0, len(paths) // 2, len(paths) - 1}
    return [paths[place] for place in sorted(places)][:LOOK_FILES]


def _names(path: Path) -> list[str]:
    """Names of columns that may hold text."""
    notes = Notes(path, TextSource(NO_COLUMN, on_bad_row="skip"), LOOK_ROWS, every=True)
    try:
        next(READERS[kind_of(path.name)][0](path, notes), None)
    except TextError:
        if not notes.keys:
            raise
    return list(notes.keys)


def _column(path: Path, name: str) -> TextColumn | None:
    batches = read_text(path, TextSource(name, on_bad_row="skip"), None, [])
    texts: pa.LargeStringArray = next(batches, pa.array([], pa.large_string())).slice(0, LOOK_ROWS)
    whole = [text for text in texts.to_pylist() if text and text.strip()]
    if not whole:
        return None
    mean = sum(map(len, whole)) / len(whole)
    return TextColumn(name, len(texts), len(whole), mean, shortened(whole[0]))


def _joined(one: TextColumn, other: TextColumn) -> TextColumn:
    with_text = one.with_text + other.with_text
    mean = (one.mean * one.with_text + other.mean * other.with_text) / with_text
    return replace(one, rows=one.rows + other.rows, with_text=with_text, mean=mean)


def shortened(text: str) -> str:
    """The beginning of a text on one line."""
    line = " ".join("".join(islice(text, 4 * SAMPLE_CHARACTERS)).split())
    return line if len(line) <= SAMPLE_CHARACTERS else f"{line[:SAMPLE_CHARACTERS].rstrip()}…"
