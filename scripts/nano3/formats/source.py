"""
How is a raw file read? As its name ends, and as its dataset's description says.

Nothing here needs a library: Snakemake asks for names and endings when it plans.
"""

from bisect import insort
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any, Literal

from nano3 import Nano3Error

COLUMNAR = (".parquet", ".arrow", ".feather")
BY_LINE = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".txt")
PACKED = (".gz", ".zst", ".bz2", ".xz")
FORMATS = tuple(
    sorted(
        (*COLUMNAR, *(kind + packed for kind in BY_LINE for packed in ("", *PACKED))), key=lambda end: (-len(end), end)
    )
)
BATCH_BYTES = 8 * 2**20  # of decoded text
LARGEST_BATCH_ROWS = 4096
LONGEST_BYTES = 2**29  # of a row, or of a part that a format lets nobody read in pieces
BAD_ROWS_AT_MOST = 0.01  # share of a shard's rows that may be skipped, if its dataset does not say
LISTED_NAMES = 20

Document = Literal["file", "line"]
OnBadRow = Literal["fail", "skip"]


class TextError(Nano3Error):
    """A raw shard can't be read as text."""


class RowError(Nano3Error):
    """A row has no right text; the message says what is wrong with it."""


def ending_of(file: str) -> str:
    """The ending in FORMATS of a file's name. Raises TextError for an unknown one."""
    for ending in FORMATS:
        if file.endswith(ending):
            return ending
    raise TextError(
        f"{file}: unknown format; raw shards end in {', '.join((*COLUMNAR, *BY_LINE))}, "
        f"the last {len(BY_LINE)} also with {', '.join(PACKED)} behind"
    )


def packing_of(file: str) -> str:
    """The ending of a compressed file's name that says how: one of PACKED; empty for any other file."""
    suffix = PurePath(file).suffix
    return suffix if suffix in PACKED else ""


def kind_of(file: str) -> str:
    """The ending of a file's name without its compression: one of COLUMNAR and BY_LINE."""
    ending = ending_of(file)
    return ending.removesuffix(packing_of(ending))


def shard_name(file: str) -> str:
    """A raw file's name without its format's ending, with . for /. Raises TextError for an unknown format."""
    return file.removesuffix(ending_of(file)).replace("/", ".")


@dataclass(frozen=True)
class TextSource:
    """
    How a dataset's description says that its files are read. text_column: name of the column; a.b is a column of this
    name or, if there is none, field b of column a. document: what a document of a .txt file is, which has no column.
    """

    text_column: str | None
    document: Document | None = None
    on_bad_row: OnBadRow = "fail"

    @classmethod
    def of(cls, key: Mapping[str, Any]) -> "TextSource":
        """The part of a shard's key that says how its raw file is read."""
        return cls(key["text_column"], key.get("document"), key.get("on_bad_row", "fail"))

    @property
    def key(self) -> dict[str, Any]:
        """What a shard's key says of it: what is not the default, and the column in any case."""
        document = {} if self.document is None else {"document": self.document}
        on_bad_row = {} if self.on_bad_row == "fail" else {"on_bad_row": self.on_bad_row}
        return {"text_column": self.text_column} | document | on_bad_row

    def column_for(self, path: PurePath) -> str:
        """
        The column to read of a file; empty for .txt, which has none.

        Raises TextError, with the remedy, if the description does not fit to the file's format.
        """
        remedy = "in its dataset's description"
        if kind_of(path.name) == ".txt":
            if self.document is None:
                raise TextError(f"{path}: a .txt file has no columns: write document: file or document: line {remedy}")
            return ""
        if self.document is not None:
            raise TextError(f"{path}: document is for .txt files alone: write text_column instead {remedy}")
        if not self.text_column:
            raise TextError(f"{path}: name the text_column {remedy}")
        return self.text_column


@dataclass
class Notes:
    """
    What is noted while a file is read.

    most: rows that are wanted; what is wrong with later ones is nobody's concern. bad: numbers of bad rows, in order.
    every: whether all keys of rows without text are wanted. keys: names that stand where the column is missing.
    lacking: rows without the column. has_column: whether a row had it. first_bad: where the first bad row is, and what
    is wrong.
    """

    path: PurePath
    source: TextSource
    most: int | None = None
    bad: list[int] = field(default_factory=list)
    every: bool = False
    keys: dict[str, None] = field(default_factory=dict)
    lacking: int = 0
    has_column: bool = False
    first_bad: str | None = None

    @property
    def column(self) -> str:
        """Name of the text column. Raises TextError, see TextSource."""
        return self.source.column_for(self.path)

    def add_bad(self, row: int, place: str, problem: object) -> None:
        """
        A row is bad. row: its number, from 0. place: what a person looks for.

        Raises TextError, with place, problem and remedy, where the description says that bad rows are errors.
        """
        if self.most is not None and row >= self.most:
            return
        if self.source.on_bad_row == "fail":
            raise TextError(
                f"{self.path}: {place}: {problem}; fix the row and pin its dataset again, "
                "or write on_bad_row: skip in its dataset's description"
            )
        insort(self.bad, row)  # what is no UTF-8 is seen a batch later than the rest
        if row == self.bad[0]:
            self.first_bad = f"{place}: {problem}"

    def add_unbounded(self, row: int, place: str, problem: object) -> None:
        """
        A row is bad, and nobody can tell where it ends: it may hold others. row, place: see add_bad.

        Raises TextError even where bad rows are skipped.
        """
        if self.most is None or row < self.most:
            raise damaged(self.path, f"{place}: {problem}, so it can't be skipped")

    def wants_keys(self, row: int) -> bool:
        """True if the names in a row without the column should be added."""
        return (self.every or not self.keys) and (self.most is None or row < self.most)

    def add_keys(self, names: Iterable[str]) -> None:
        """A row had no text; these names were in it."""
        self.keys |= dict.fromkeys(names)


def damaged(path: object, problem: object) -> TextError:
    """The error for a file that is not whole."""
    return TextError(f"{path}: {first_line(problem)}; fix or replace the file, then pin its dataset again")


def first_line(problem: object) -> str:
    """Of an error's message. Arrow adds where in its sources."""
    return str(problem).partition("\n")[0].rstrip(".")


def listed(names: Iterable[str]) -> str:
    """Names for a person: the first of them, and how many more there are."""
    all_of_them = list(names)
    more = len(all_of_them) - LISTED_NAMES
    return (", ".join(all_of_them[:LISTED_NAMES]) or "none") + (f" … and {more} more" if more > 0 else "")


def counted_from_1(row: int) -> str:
    """The place of a row in a format without lines."""
    return f"row {row + 1} (counting from 1)"
