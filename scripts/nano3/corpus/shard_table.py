"""
What does a dataset know of its tokenized shards? A line each in its shards.tsv, as git's index has one for each file.

A line says what the shard was made from, what came out, and which sizes and time its files had, so that a plan of
100,000 shards reads one file instead of 100,000 receipts. It is written with the dataset's index, which has its digest.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from nano3 import Nano3Error
from nano3.artifact.digest import digest_json
from nano3.artifact.files import replaced
from nano3.artifact.steps import ShardReceipt
from nano3.core.tsv import read_table, write_table

SHARDS = "shards.tsv"
INDEX_FILES = ("index.json", SHARDS, "valid.bin", "valid.idx", "test.bin", "test.idx")


class ShardTableError(Nano3Error):
    """A dataset's shards.tsv is not what its index was made with."""


class ShardEntry(NamedTuple):
    """
    A tokenized shard as its dataset's index knows it.

    sha256, rows, made_with: what it was made from, see made_with(). tokens, documents: of the training pair. bin_bytes,
    idx_bytes, bin, idx: sizes and SHA-256 of the training pair's files. held_bin_bytes, held_idx_bytes: sizes of the
    held-out pair's. content: of its receipt. rows_read, skipped: rows of the raw shard, and those that are in no pair.
    dropped: these by reason, see dropped_cell(). valid, test: held-out documents. written: when the receipt was, in
    nanoseconds.
    """

    shard: str
    sha256: str
    rows: str
    made_with: str
    tokens: int
    documents: int
    bin_bytes: int
    idx_bytes: int
    held_bin_bytes: int
    held_idx_bytes: int
    bin: str
    idx: str
    content: str
    rows_read: int
    skipped: int
    dropped: str
    valid: int
    test: int
    written: int

    @property
    def reasons(self) -> dict[str, int]:
        """Rows that are in no pair, by reason."""
        return {
            reason: int(count)
            for part in filter(None, self.dropped.split("; "))
            for count, reason in [part.split(" ", 1)]
        }

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Of its files, in the order of a receipt's outputs."""
        return self.bin_bytes, self.idx_bytes, self.held_bin_bytes, self.held_idx_bytes

    @classmethod
    def of(cls, shard: str, receipt: ShardReceipt, written: int) -> "ShardEntry":
        """The entry of a shard with this receipt."""
        key, facts, (pair, index, held, held_index) = receipt.key, receipt.facts, receipt.outputs
        return cls(
            shard,
            key["sha256"],
            rows_cell(key["rows"]),
            made_with(key),
            facts.tokens,
            facts.documents,
            pair.bytes,
            index.bytes,
            held.bytes,
            held_index.bytes,
            pair.sha256,
            index.sha256,
            receipt.content,
            facts.rows,
            len(facts.skipped),
            dropped_cell(facts.dropped),
            len(facts.valid),
            len(facts.test),
            written,
        )


CONTENT, TOKENS = ShardEntry._fields.index("content"), ShardEntry._fields.index("tokens")


def made_with(key: Mapping[str, Any]) -> str:
    """Digest of all that decides a shard's tokens but its raw bytes and rows: the same for all shards of a dataset."""
    return digest_json({name: value for name, value in key.items() if name not in {"sha256", "rows"}})


def rows_cell(rows: int | None) -> str:
    """How many rows are taken of a raw shard, as the table has it; empty for all."""
    return "" if rows is None else str(rows)


def dropped_cell(dropped: Mapping[str, int]) -> str:
    """Rows that are in no pair by reason, as the table has them: 37 no text; 2 empty."""
    return "; ".join(f"{count} {reason}" for reason, count in sorted(dropped.items()) if count)


def read_entries(folder: Path, digest: str) -> list[ShardEntry]:
    """All shards of a dataset. digest: of the entries, as its index has it. Raises ShardTableError if it is another."""
    path, index = folder / SHARDS, folder / INDEX_FILES[0]
    kinds = get_type_hints(ShardEntry).values()
    try:
        lines = read_lines(folder)
        entries = [ShardEntry(*(kind(word) for kind, word in zip(kinds, line, strict=True))) for line in lines]
    except ValueError:
        entries = []
    if digest_entries(entries) != digest:
        raise ShardTableError(
            f"{path}: missing, or not what its index was made with: "
            f"delete {index} and build it with `snakemake {index}`"
        )
    return entries


def write_entries(folder: Path, entries: Iterable[ShardEntry]) -> Path:
    """Write a dataset's shards.tsv, in catalogue order."""
    with replaced(folder / SHARDS) as aside:
        write_table(aside, ShardEntry._fields, entries)
    return folder / SHARDS


def digest_entries(entries: Iterable[ShardEntry]) -> str:
    """What identifies a dataset's tokens: the shards and their contents, not when they were made."""
    return digest_json([entry[:-1] for entry in entries])


def read_lines(folder: Path) -> Iterator[list[str]]:
    """The whole lines of a dataset's shards.tsv, split; none if there is no such file or it has other columns."""
    path, columns = folder / SHARDS, len(ShardEntry._fields)
    lines = read_table(path) if path.is_file() else iter([])
    return (line for line in lines if len(line) == columns) if next(lines, None) == [*ShardEntry._fields] else iter([])


@dataclass(frozen=True)
class ShardFiles:
    """
    The files of a dataset's shards. train, holdout: descriptors of the two folders, because a short name is looked up
    faster there than by its whole path; None where there is no such folder.
    """

    train: int | None
    holdout: int | None

    def are_as_noted(self, name: str, sizes: Sequence[str | int], written: str | int) -> bool:
        """Whether a shard's files have these sizes, in the order of a receipt's outputs, and its receipt this time."""
        if self.train is None or self.holdout is None:
            return False
        tokens, index = f"{name}.bin", f"{name}.idx"
        try:
            bin_bytes, idx_bytes, held_bin_bytes, held_idx_bytes = map(int, sizes)
            return (
                os.stat(f"{name}.json", dir_fd=self.train).st_mtime_ns == int(written)
                and os.stat(tokens, dir_fd=self.train).st_size == bin_bytes
                and os.stat(index, dir_fd=self.train).st_size == idx_bytes
                and os.stat(tokens, dir_fd=self.holdout).st_size == held_bin_bytes
                and os.stat(index, dir_fd=self.holdout).st_size == held_idx_bytes
            )
        except (FileNotFoundError, ValueError):
            return False


@contextmanager
def shard_files(folder: Path) -> Iterator[ShardFiles]:
    """The files of a dataset's shards, inside a with block. folder: the dataset's tokens."""
    folders = (folder / "train", folder / "holdout")
    descriptors = [os.open(path, os.O_RDONLY) if path.is_dir() else None for path in folders]
    try:
        yield ShardFiles(*descriptors)
    finally:
        for descriptor in descriptors:
            if descriptor is not None:
                os.close(descriptor)
