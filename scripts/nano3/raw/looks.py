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
from pathlib import Path
from typing import Any, BinaryIO, cast

from nano3.core.formatting import many
from nano3.core.schema import ConfigError
from nano3.formats.contents import chunks
from nano3.formats.readers import Look, count_rows, look, read_text
from nano3.formats.source import TextError, TextSource, packing_of, shard_name
from nano3.raw.datasets import Dataset
from nano3.raw.listing import Listing, refuse

LOOK_ROWS = 300
CHUNK_BYTES = 2**20
COLUMNS = 20  # named in a message
LOOP = 20  # times that a part of a name may not be repeated at its end, see snakemake.io.PeriodicityDetector
ENDLESS = re.compile(rf"(.+)\1{{{LOOP - 1},}}$", re.DOTALL)
VARIABLE = re.compile("<[a-z][a-z0-9_]*>")  # which Snakemake replaces in every path, see snakemake.pathvars
# What our files add to a shard's name while they are written, see artifact.files.replaced and raw.download.
RECEIPT_ASIDE, DOWNLOAD_ASIDE = "..json.12345678.part", "..123456789012"


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
    faults, unknown = list(listing.refusals), 0
    for file in listing.files:
        path = file if dataset.remote else (Path(dataset.source) / file).as_posix()
        try:
            name = shard_name(file)
        except TextError as error:
            faults.append(str(error))
            unknown += 1
            continue
        if name in owners:
            faults.append(f"{path} and {owners[name]} would both be shard {name}: rename one of them")
        elif fault := name_fault(path, name, dataset.remote):
            faults.append(f"{path}: {fault}")
        names[path] = name
        owners.setdefault(name, path)
    formats = f"{many(unknown, 'file')} {'has' if unknown == 1 else 'have'} an unknown format"
    refuse(source, faults, f"{formats}: narrow files, e.g. to '**/*.parquet'" if unknown and dataset.files else "")
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
    variable = VARIABLE.search(path)
    longest, limit = max(len(os.fsencode(name)) for name in names), os.pathconf(".", "PC_NAME_MAX")
    faults = {
        "its name is not UTF-8: rename it": any(unicodedata.category(letter) == "Cs" for letter in path),
        "its name has a line break, a tab or another control character: rename it": any(
            unicodedata.category(letter) == "Cc" for letter in path
        ),
        "a shard's name can't have braces: rename it": {"{", "}"} & set(shard),
        f"its path has {variable and variable[0]}, which Snakemake replaces: rename it": variable,
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


def look_at(path: Path, dataset: Dataset) -> Look:
    """
    The beginning of a local file, LOOK_ROWS rows at most. A bad row is told, not raised.

    Raises TextError for what can't be read at all or, in a format with columns, has no such column, OSError for no
    access.
    """
    return look(path, dataset.text_source, LOOK_ROWS)


def is_whole(view: Look) -> bool:
    """Whether a look has seen all rows of a file."""
    return view.rows < LOOK_ROWS


def fault_of(view: Look, path: Path, dataset: Dataset) -> str | None:
    """Why a file is refused after a look; None if it is not."""
    if view.first_bad and dataset.on_bad_row == "fail":
        return (
            f"{path}: {view.first_bad}; fix the row, or write on_bad_row: skip in its dataset's description, then pin "
            "again"
        )
    return None


def remark_of(view: Look, path: Path, dataset: Dataset) -> str | None:
    """What is told of a file after a look; None if all its rows have text."""
    where = f"the first {many(view.rows, 'row')}"
    if view.first_bad:
        return f"{path}: a bad row in {where}: {view.first_bad}"
    if view.with_text == view.rows:
        return None
    column, without = dataset.text_column, view.rows - view.with_text
    others = f"; they have: {_named(view)}" if view.keys and column and column not in view.keys else ""
    what = f"no text in column {column!r}" if column else "no text"
    return f"{path}: {without:,} of {where} {'has' if without == 1 else 'have'} {what}{others}"


def _named(view: Look) -> str:
    """The columns of rows without text."""
    return ", ".join(view.keys[:COLUMNS]) or "none"


def column_fault(view: Look, path: Path, dataset: Dataset) -> str:
    """A file none of whose rows has the column, as far as was looked."""
    where = "no row" if is_whole(view) else f"no row of the first {view.rows:,}"
    column = dataset.text_column
    return f"{path}: {where} has a column {column!r}; text_column must be one of: {_named(view)}"


def late_column_fault(path: Path, dataset: Dataset) -> str | None:
    """Why a file can't be tokenized whose text is not at its beginning, if it is anywhere; None if it is."""
    try:
        for texts in read_text(path, dataset.text_source, None, []):
            if texts.null_count < len(texts):
                return None
    except TextError as error:
        return str(error)
    return None


def measure(path: Path, text_source: TextSource) -> RawFile:
    """Count and digest a local file, read once. Raises TextError, with file and row, for what can't be read."""
    with DigestedFile(path) as file:
        size = path.stat().st_size
        if packing_of(path.name):
            inside = DigestedChunks(chunks(path, cast(BinaryIO, file)))
            rows = count_rows(path.with_suffix(""), cast(BinaryIO, inside), text_source)
            return RawFile(size, rows, file.digest(), inside.digest())
        rows = count_rows(path, cast(BinaryIO, file), text_source)
        return RawFile(size, rows, file.digest(), file.digest())


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
