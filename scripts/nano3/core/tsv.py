"""Tab-separated lines, 100,000 of them at every start: split as csv would, in a third of the time."""

import csv
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any


def read_table(path: Path) -> Iterator[list[str]]:
    """The cells of each line, the header's first; bytes that are not UTF-8 become U+FFFD."""
    data = path.read_bytes()
    plain = b'"' not in data and b"\r" not in data  # else only csv knows what is meant
    del data
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        yield from (line.removesuffix("\n").split("\t") for line in file) if plain else csv.reader(file, delimiter="\t")


def write_table(path: Path, header: Iterable[str], rows: Iterable[Sequence[Any]]) -> None:
    """Write lines, the header first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(header)
        writer.writerows(rows)
