"""
Which shards of a dataset have to be tokenized, and why?

A shard is fresh when its files are there with the sizes that were written, and it was made from the bytes that are
pinned now, with today's settings and code. Its receipt says so. For all shards at once the dataset's shards.tsv does,
as git's index does for a work tree: a line whose files have the sizes, and whose receipt the time, that were noted is
believed; any other shard's receipt is read. So a touched or copied tree costs some reading and rebuilds nothing, and
nothing is passed over that a receipt would not prove.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, get_type_hints

from nano3 import Nano3Error
from nano3.artifact.digest import differences, digest_json
from nano3.artifact.files import replaced
from nano3.artifact.receipt import ReceiptError
from nano3.artifact.steps import ShardReceipt, read_receipt
from nano3.core.tsv import read_table, write_table
from nano3.raw.datasets import Shard

SHARDS = "shards.tsv"
INDEX_FILES = ("index.json", SHARDS, "valid.bin", "valid.idx", "test.bin", "test.idx")
NEW = "not made yet"
WORDS = {"sha256": "raw bytes changed", "rows": "another number of rows", "code": "tokenizing code changed"}


class FreshnessError(Nano3Error):
    """A dataset's shards.tsv is not what its index was made with."""


class ShardEntry(NamedTuple):
    """
    A tokenized shard as its dataset's index knows it.

    sha256, rows, made_with: what it was made from, see made_with(). tokens, documents: of the training pair. bin_bytes,
    idx_bytes, bin, idx: sizes and SHA-256 of the training pair's files. held_bin_bytes, held_idx_bytes: sizes of the
    held-out pair's. content: of its receipt. rows_read, skipped: rows of the raw shard, and those that are in no pair.
    valid, test: held-out documents. written: when the receipt was, in nanoseconds.
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
    valid: int
    test: int
    written: int

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
            _rows(key["rows"]),
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
            len(facts.valid),
            len(facts.test),
            written,
        )


CONTENT = ShardEntry._fields.index("content")


@dataclass(frozen=True)
class Survey:
    """
    The state of a dataset's tokens. stale: why each shard that must be made is, in catalogue order. behind: why the
    index must be made again though no shard has to be; None if it need not. relisted: whether its shards.tsv lists
    other shards than there are to be.
    """

    stale: dict[str, str]
    behind: str | None
    relisted: bool = False


def made_with(key: Mapping[str, Any]) -> str:
    """Digest of all that decides a shard's tokens but its raw bytes and rows: the same for all shards of a dataset."""
    return digest_json({name: value for name, value in key.items() if name not in {"sha256", "rows"}})


def survey(
    folder: Path, wanted: Mapping[str, tuple[Shard, int | None]], settings: Mapping[str, Any], trust: bool = True
) -> Survey:
    """
    The state of a dataset's tokens.

    folder: of the dataset's tokens. wanted: the shards by name, with the rows to take. settings: the key of its shards
    but for sha256 and rows. trust: believe shards.tsv; otherwise every receipt is read.
    """
    today = made_with(settings)
    believed: set[str] = set()
    indexed: dict[str, str] = {}
    with opened(folder) as files:
        for line in _lines(folder / SHARDS):
            name, sha256, taken, made, _, _, *sizes = line[:10]
            indexed[name] = line[CONTENT]
            asked = wanted.get(name) if trust and made == today else None
            if asked and sha256 == asked[0].sha256 and taken == _rows(asked[1]) and files.noted(name, sizes, line[-1]):
                believed.add(name)
    stale: dict[str, str] = {}
    others = 0
    for name, (shard, rows) in wanted.items():
        if name not in believed:
            reason, content = _judged(folder, name, {**settings, "sha256": shard.sha256, "rows": rows})
            if reason:
                stale[name] = reason
            else:
                others += indexed.get(name) != content
    other_list = list(indexed) != list(wanted)
    behind = [
        *(f"{name} is missing" for name in INDEX_FILES if not (folder / name).is_file()),
        *(["the list of shards changed"] if other_list else []),
        *([f"{others} of its shards were made again"] if others else []),
    ]
    return Survey(stale, behind[0] if behind else None, bool(indexed) and other_list)


def shard_reason(folder: Path, name: str, key: Mapping[str, Any]) -> str | None:
    """Why a shard has to be tokenized, by its receipt alone; None if it is fresh. key: all that decides its tokens."""
    return _judged(folder, name, key)[0]


def read_entries(folder: Path, digest: str) -> list[ShardEntry]:
    """All shards of a dataset. digest: of the entries, as its index has it. Raises FreshnessError if it is another."""
    path, index = folder / SHARDS, folder / INDEX_FILES[0]
    kinds = get_type_hints(ShardEntry).values()
    try:
        entries = [ShardEntry(*(kind(word) for kind, word in zip(kinds, line, strict=True))) for line in _lines(path)]
    except ValueError:
        entries = []
    if digest_entries(entries) != digest:
        raise FreshnessError(
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


def _lines(path: Path) -> Iterator[list[str]]:
    """The whole lines of a shards.tsv, split; none if there is no such file or it has other columns."""
    lines = read_table(path) if path.is_file() else iter([])
    columns = len(ShardEntry._fields)
    return (line for line in lines if len(line) == columns) if next(lines, None) == [*ShardEntry._fields] else iter([])


@dataclass(frozen=True)
class Files:
    """
    The files of a dataset's shards. train, holdout: descriptors of the two folders, for there a short name is found
    faster than by its whole path; None where there is no such folder.
    """

    train: int | None
    holdout: int | None

    def noted(self, name: str, sizes: Sequence[str | int], written: str | int) -> bool:
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
def opened(folder: Path) -> Iterator[Files]:
    """The files of a dataset's shards, inside a with block. folder: the dataset's tokens."""
    there = [os.open(path, os.O_RDONLY) if path.is_dir() else None for path in (folder / "train", folder / "holdout")]
    try:
        yield Files(*there)
    finally:
        for descriptor in there:
            if descriptor is not None:
                os.close(descriptor)


def _judged(folder: Path, name: str, key: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Why a shard has to be tokenized, or else the content of its receipt."""
    # Strings, for a first plan comes here 100,000 times.
    train = f"{folder}/train/{name}"
    files = [f"{prefix}.{ending}" for prefix in (train, f"{folder}/holdout/{name}") for ending in ("bin", "idx")]
    try:
        receipt = read_receipt(f"{train}.json", ShardReceipt)
    except ReceiptError:
        there = any(map(os.path.exists, (f"{train}.json", *files)))
        return ("its receipt is missing or damaged" if there else NEW), None
    if changed := differences(receipt.key, dict(key)):
        return "; ".join(WORDS.get(what, f"{what}: {was} is now {now}") for what, (was, now) in changed.items()), None
    for file, output in zip(files, receipt.outputs, strict=True):
        size = os.path.getsize(file) if os.path.exists(file) else None
        if size != output.bytes:
            kind = f"{'training' if file.startswith(train) else 'held-out'} .{file[-3:]}"
            return f"{kind} is missing" if size is None else f"{kind} has another size than was written", None
    return None, receipt.content


def _rows(rows: int | None) -> str:
    return "" if rows is None else str(rows)
