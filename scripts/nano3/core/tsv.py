"""
How are tables read and written? As tab-separated lines. There are 100,000 at every start, so they are split as csv
would, in a third of the time.
"""

import csv
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import _csv


def read_table(path: Path) -> Iterator[list[str]]:
    """The cells of each line, the header's first; bytes that are not UTF-8 become U+FFFD."""
    data = path.read_bytes()
    plain = b'"' not in data and b"\r" not in data  # else only csv knows what is meant
    del data
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        yield from (line.removesuffix("\n").split("\t") for line in file) if plain else csv.reader(file, delimiter="\t")


@contextmanager
def table_writer(path: Path, header: Iterable[str]) -> Iterator["_csv.Writer"]:
    """What writes lines to a table; its header is there already."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        yield writer


def write_table(path: Path, header: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write lines, the header first."""
    with table_writer(path, header) as writer:
        writer.writerows(rows)
