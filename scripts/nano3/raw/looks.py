"""
What does pinning see in a raw file before any of it is tokenized?

First its name: can a shard be called so? Then its beginning: is it what its name says, and do its rows have text? Then
all of it, read once: its rows, the digest of its bytes, and that of its content, which is the same for a.jsonl and
a.jsonl.gz.
"""

import hashlib
import io
import os
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any, BinaryIO, cast

import msgspec
import pyarrow.compute as pc

from nano3.core.formatting import many
from nano3.core.schema import ConfigError
from nano3.raw import readers
from nano3.raw.datasets import Dataset
from nano3.raw.listing import Listing, refuse
from nano3.raw.readers import TextError, shard_name

LOOK_ROWS = 300
LOOK_BYTES = 16 * 2**20  # of lines; one line may be longer
HEAD_BYTES = 4096
CHUNK_BYTES = 2**20
COMPRESSIONS = (".gz", ".zst", ".bz2", ".xz")
COLUMNS = 20  # named in a message
LOOP = 20  # times that a part of a name may not be repeated at its end, see snakemake.io.PeriodicityDetector
ENDLESS = re.compile(rf"(.+)\1{{{LOOP - 1},}}$", re.DOTALL)
# What our files add to a shard's name while they are written, see artifact.files.replaced and raw.download.
RECEIPT_ASIDE, DOWNLOAD_ASIDE = "..json.12345678.part", "..123456789012"


@dataclass(frozen=True)
class Look:
    """
    The beginning of a raw file. rows, texts: rows seen, and those of them with text. columns: of rows without text,
    column.field for a field inside one. bad: what is wrong with the first bad row. whole: whether that is all of it.
    """

    rows: int
    texts: int
    columns: list[str]
    bad: str | None = None
    whole: bool = False

    def lacks(self, column: str | None) -> bool:
        """Whether rows were seen, and none of them has this column. None: of a format without columns."""
        return bool(self.rows and column) and not (self.texts or self.bad or column in self.columns)


@dataclass(frozen=True)
class RawFile:
    """A raw file in numbers. content: SHA-256 of its bytes before they were compressed, where they are, else sha256."""

    bytes: int
    rows: int
    sha256: str
    content: str


def shard_names(dataset: Dataset, source: str, listing: Listing) -> dict[str, str]:
    """
    The names of a listing's shards by the paths that are pinned: a local file's begins with its folder.

    source: the file to name. Raises ConfigError for no files at all, or with a line for each that can't be a shard.
    """
    names: dict[str, str] = {}
    owners: dict[str, str] = {}
    faults = list(listing.refusals)
    for file in listing.files:
        path = file if dataset.remote else (Path(dataset.source) / file).as_posix()
        try:
            name = shard_name(file)
        except TextError as error:
            faults.append(str(error))
            continue
        if name in owners:
            faults.append(f"{path} and {owners[name]} would both be shard {name}: rename one of them")
        elif fault := name_fault(path, name, dataset.remote):
            faults.append(f"{path}: {fault}")
        names[path] = name
        owners.setdefault(name, path)
    refuse(source, faults)
    if not names:
        what = (
            f"no file matches {dataset.files!r}" if dataset.files else f"no file is in split {dataset.split or 'train'}"
        )
        raise ConfigError("; ".join([f"{source}: {what} in {dataset.source}: correct source or files", *listing.notes]))
    return names


def name_fault(path: str, shard: str, remote: bool) -> str | None:
    """
    Why a file can't be a shard by its name; None if it can. path: its pin's. shard: the shard's name.

    remote: if it is downloaded, to a name with . for /.
    """
    names = [RECEIPT_ASIDE + shard, *([DOWNLOAD_ASIDE + path.replace("/", ".")] if remote else [])]
    longest, limit = max(len(os.fsencode(name)) for name in names), os.pathconf(".", "PC_NAME_MAX")
    faults = {
        "its name is not UTF-8: rename it": any(unicodedata.category(letter) == "Cs" for letter in path),
        "its name has a line break, a tab or another control character: rename it": any(
            unicodedata.category(letter) == "Cc" for letter in path
        ),
        "a shard's name can't have braces: rename it": {"{", "}"} & set(shard),
        "its name is nothing but an ending: rename it": not shard,
        "its name ends in something that is there 20 times in a row, which Snakemake takes for a loop without end: "
        "rename it": shard.count(shard[-1:]) >= LOOP and ENDLESS.search(shard),
        "its path begins with a dash, like an option: rename it": path.startswith("-"),
        f"its name is {many(longest - limit, 'byte')} too long: while it is made into tokens it takes {longest}, and "
        f"a name has at most {limit} here: rename it": longest > limit,
    }
    return next((fault for fault, applies in faults.items() if applies), None)


def near_names(shards: Iterable[str]) -> list[str]:
    """A sentence for shards whose names are one name for some file systems: by case, or by Unicode's normal forms."""
    groups: dict[str, list[str]] = {}
    for shard in shards:
        groups.setdefault(unicodedata.normalize("NFC", shard).casefold(), []).append(shard)
    return [
        f"shards {' and '.join(group)} differ only by case or by how Unicode writes a letter: "
        "on a file system that ignores that, one replaces the other"
        for group in groups.values()
        if len(group) > 1
    ]


def refusal(head: bytes, path: PurePath) -> str | None:
    """What a file's first bytes are that its name does not say; None if they may be what it says."""
    beginning = head.lstrip()[:15].lower()
    if head.startswith(b"version https://git-lfs"):
        return "holds a pointer of Git LFS, not the data: run `git lfs pull` where it comes from"
    if beginning.startswith((b"<!doctype html", b"<html")) and path.suffix != ".txt":
        return "holds a web page, not data: fetch the file itself, with a login if it needs one"
    return None


def look_at(path: Path, dataset: Dataset) -> Look:
    """
    The beginning of a local file, LOOK_ROWS rows at most. A bad row is told, not raised.

    Raises TextError for what can't be read at all or, in parquet, has no such column, OSError for no access.
    """
    with open(path, "rb") as file:
        if fault := refusal(file.read(HEAD_BYTES), path):
            raise TextError(f"{path}: {fault}")
    see = _look_at_parquet if path.suffix == ".parquet" else _look_at_lines
    return see(path, dataset.text_column)


def fault_of(look: Look, path: Path, dataset: Dataset) -> str | None:
    """Why a file is refused after a look; None if it is not."""
    if look.bad and getattr(dataset, "on_bad_row", "fail") == "fail":
        return f"{path}: {look.bad}"
    return None


def remark_of(look: Look, path: Path, dataset: Dataset) -> str | None:
    """What is told of a file after a look; None if all its rows have text."""
    where = f"the first {many(look.rows, 'row')}"
    if look.bad:
        return f"{path}: a bad row in {where}: {look.bad}"
    if look.texts == look.rows:
        return None
    column = dataset.text_column
    others = f"; they have: {', '.join(look.columns)}" if look.columns and column not in look.columns else ""
    without = look.rows - look.texts
    return f"{path}: {without:,} of {where} {'has' if without == 1 else 'have'} no text in column {column!r}{others}"


def column_fault(look: Look, path: Path, dataset: Dataset) -> str:
    """A file none of whose rows has the column, as far as was looked."""
    where = "no row" if look.whole else f"no row of the first {look.rows:,}"
    column = dataset.text_column
    return f"{path}: {where} has a column {column!r}; text_column must be one of: {', '.join(look.columns) or 'none'}"


def late_column_fault(path: Path, dataset: Dataset) -> str | None:
    """Why a file can't be tokenized whose text is not at its beginning, if it is anywhere; None if it is."""
    try:
        for texts in readers.read_text(path, dataset.text_column, None):
            if texts.null_count < len(texts):
                return None
    except TextError as error:
        return str(error)
    return None


def measure(path: Path) -> RawFile:
    """Count and digest a local file, read once. Raises TextError, with file and row, for what can't be read."""
    with DigestedFile(path) as file:
        if path.suffix in COMPRESSIONS:
            inside = DigestedChunks(_decompressed(path, file))
            rows = readers.count_rows(path.with_suffix(""), cast(BinaryIO, inside))
            return RawFile(path.stat().st_size, rows, file.digest(), inside.digest())
        rows = readers.count_rows(path, cast(BinaryIO, file))
        return RawFile(path.stat().st_size, rows, file.digest(), file.digest())


class DigestedFile(io.FileIO):
    """A local file that is digested while it is read, wherever a reader goes first."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._sha256, self._digested = hashlib.sha256(), 0

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        begin, size = self.tell(), super().readinto(buffer) or 0
        if begin == self._digested:
            self._sha256.update(memoryview(buffer)[:size])
            self._digested += size
        return size

    def read(self, size: int | None = -1) -> bytes:  # noqa: D102
        begin, data = self.tell(), super().read(-1 if size is None else size) or b""
        if begin == self._digested:
            self._sha256.update(data)
            self._digested += len(data)
        return data

    def digest(self) -> str:
        """SHA-256 of all of it; reads what nobody read."""
        self.seek(self._digested)
        while self.read(CHUNK_BYTES):
            pass
        return self._sha256.hexdigest()


class DigestedChunks(io.RawIOBase):
    """Chunks as a file that is digested while it is read to its end."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks, self._rest, self._sha256 = chunks, memoryview(b""), hashlib.sha256()

    def readable(self) -> bool:  # noqa: D102
        return True

    def readinto(self, buffer: Any) -> int:  # noqa: D102
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._sha256.update(chunk)
            self._rest = memoryview(chunk)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size

    def digest(self) -> str:
        """SHA-256 of all of them; reads what nobody read."""
        while self.read(CHUNK_BYTES):
            pass
        return self._sha256.hexdigest()


def _decompressed(path: Path, file: DigestedFile) -> Iterator[bytes]:
    """A file's bytes before they were compressed. Raises TextError if they can't be told."""
    try:
        yield from readers._chunks(path, cast(BinaryIO, file))
    except Exception as error:
        raise readers._damaged(path, f"the compressed data is damaged or cut: {error}") from None


def _look_at_parquet(path: Path, column: str) -> Look:
    batch = next(readers.read_text(path, column, None), None)
    if batch is None:
        return Look(0, 0, [], whole=True)
    sizes = pc.binary_length(batch.slice(0, LOOK_ROWS)).to_pylist()
    return Look(len(sizes), sum(1 for size in sizes if size), [column])


def _look_at_lines(path: Path, column: str) -> Look:
    rows = texts = size = 0
    columns: dict[str, None] = {}
    bad = None
    for line in readers._lines(path):
        if rows == LOOK_ROWS or size > LOOK_BYTES:
            return Look(rows, texts, [*columns][:COLUMNS], bad)
        try:
            row = msgspec.json.decode(line)
            text = _value(row, column)
            if text:
                texts += 1
            else:
                columns |= dict.fromkeys(_columns_of(row))
        except (TypeError, ValueError, RecursionError) as error:
            bad = bad or f"line {rows + 1}: {error}; fix or replace the file"
        rows, size = rows + 1, size + len(line)
    return Look(rows, texts, [*columns][:COLUMNS], bad, whole=True)


def _value(row: Any, column: str) -> str | None:
    """The text of a decoded row; None if it has none. Raises TypeError for a row that is bad."""
    if not isinstance(row, dict):
        raise TypeError("not a JSON object")
    for name in column.split("."):
        if row is not None and not isinstance(row, dict):
            raise TypeError(f"column {column!r} is not text")
        row = None if row is None else row.get(name)
    if row is not None and not isinstance(row, str):
        raise TypeError(f"column {column!r} is not text")
    return row


def _columns_of(row: dict[str, Any]) -> Iterator[str]:
    for name, value in row.items():
        yield name
        if isinstance(value, dict):
            yield from (f"{name}.{inner}" for inner in value)
