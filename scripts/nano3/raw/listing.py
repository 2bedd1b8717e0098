"""
Which files of a source match a dataset's glob, and what is left out?

A glob means the same in a folder and at a URL: * and ? stop at a /, and ** is any number of folders. Names that begin
with . or _ are hidden, as for Spark and Hadoop: ._a.parquet of macOS, .part-0.crc, _SUCCESS, _temporary/. They match
only where the glob itself begins so: '_*.parquet', '.cache/*.jsonl'.
"""

import errno
import fnmatch
import itertools
import os
import re
import stat
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from nano3.core.formatting import many
from nano3.core.schema import ConfigError
from nano3.formats.source import FORMATS, ending_of, kind_of
from nano3.raw.datasets import Dataset

EXAMPLES, MOST = 3, 10  # names in a line, lines of one kind
WILD = {*"*?["}
Places = frozenset[int]
KINDS = {stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device"}


@dataclass(frozen=True)
class Glob:
    """A glob as a machine that reads a path name by name. segments: its parts between slashes."""

    segments: Sequence[str]

    @classmethod
    def of(cls, files: str) -> "Glob":
        """The machine of a glob; one that ends in ** matches every file below."""
        segments = files.split("/")
        return cls([*segments, "*"] if segments[-1] == "**" else segments)

    @property
    def begin(self) -> Places:
        """Where it is before the first name."""
        return self._with_no_folder({0})

    def after(self, places: Places, name: str, hidden: bool = False) -> Places:
        """Where it is after one more name; nowhere if no path that begins so can match. hidden: match hidden names."""
        there = set()
        for place in places:
            segment = self.segments[place] if place < len(self.segments) else None
            if segment is None or not (hidden or _is_visible(name, segment)):
                continue
            if segment == "**":
                there.add(place)
            elif _regex(segment).match(name):
                there.add(place + 1)
        return self._with_no_folder(there)

    def is_match(self, places: Places) -> bool:
        """Whether a path that ends here matches."""
        return len(self.segments) in places

    def goes_on(self, places: Places) -> bool:
        """Whether a longer path may match."""
        return any(place < len(self.segments) for place in places)

    def matches(self, path: str, hidden: bool = False) -> bool:
        """Whether a path matches. hidden: match hidden names."""
        places = self.begin
        for name in path.split("/"):
            places = self.after(places, name, hidden)
        return self.is_match(places)

    def _with_no_folder(self, places: set[int]) -> Places:
        """The same places, and those behind a **, which may be no folder."""
        for place in sorted(places):
            behind = place
            while behind < len(self.segments) and self.segments[behind] == "**":
                behind += 1
                places.add(behind)
        return frozenset(places)


@dataclass
class Listing:
    """
    The files of a source that match.

    files: relative to it, sorted. hidden: names that are left out, with a slash behind a folder's. folders: those that
    match. lost: what could hold files and can't be looked into. refusals: of files that match.
    """

    files: list[str] = field(default_factory=list)
    hidden: list[str] = field(default_factory=list)
    folders: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)

    @property
    def notes(self) -> list[str]:
        """What is left out, in words."""
        notes = list(self.lost)
        if self.hidden:
            notes.append(
                f"{many(len(self.hidden), 'hidden name')} left out: {some(self.hidden)}; "
                "a glob that begins with . or _ at that place takes them in"
            )
        if self.folders:
            notes.append(
                f"{many(len(self.folders), 'folder')} that the glob matches left out: {some(self.folders)}; "
                f"a glob such as '{self.folders[0]}/*' takes in the files there"
            )
        return notes


def some(names: Sequence[str], most: int = EXAMPLES) -> str:
    """The first of some names, and how many more there are."""
    more = [f"and {len(names) - most:,} more"] if len(names) > most else []
    return ", ".join([*names[:most], *more])


def list_folder(folder: Path, files: str) -> Listing:
    """
    The files below a folder that match a glob. Links are followed, but not back into a folder that they lie in.

    A link that leads nowhere, a pipe and a folder that can't be listed are named, never skipped in silence.
    """
    listing = _listed(folder, files)
    if not (listing.files or listing.refusals):
        with os.scandir(folder) as scan:
            names = sorted(f"{entry.name}/" if entry.is_dir() else entry.name for entry in scan)
        listing.lost.append(f"{folder} holds {some(names) or 'nothing'}")
        listing.lost += _nearest_globs(folder, files)
    return listing


def _nearest_globs(folder: Path, files: str) -> Iterator[str]:
    """A line for the format below a folder that was probably meant, with the glob that takes it in."""
    endings = Counter(ending_of(file) for file in data_files(folder) if kind_of(file) != ".txt" or ".txt" in files)
    if endings:
        ending = max(endings, key=lambda each: (files.endswith(each), endings[each]))
        yield f"'**/*{ending}' would match {many(endings[ending], 'file')} there"


def data_files(folder: Path, below: str = "") -> list[str]:
    """
    Files of a folder whose names end as raw shards do, sorted, hidden ones left out, as paths relative to it.

    below: the part of the folder to look at.
    """
    return [file for file in _listed(folder, f"{below}/**/*" if below else "**/*").files if file.endswith(FORMATS)]


def unmatched_files(dataset: Dataset) -> list[str]:
    """
    Data files of a local dataset that its glob does not match, as they would be pinned; none of a remote one.

    Only what lies below the folder that the glob names is looked at, such as en of `en/*.parquet`. A .txt file is one
    only where the dataset is of those.
    """
    folder, files = Path(dataset.source), str(dataset.files)
    if dataset.remote or not folder.is_dir():
        return []
    glob = Glob.of(files)
    below = "/".join(itertools.takewhile(lambda segment: not WILD & set(segment), glob.segments[:-1]))
    return [
        (folder / file).as_posix()
        for file in data_files(folder, below)
        if not glob.matches(file) and (kind_of(file) == ".txt") == (dataset.document is not None)
    ]


def _listed(folder: Path, files: str) -> Listing:
    walk = Walk(folder, Glob.of(files), Listing())
    walk.look_into("", walk.glob.begin, ())
    walk.listing.files.sort()
    return walk.listing


@dataclass(frozen=True)
class Walk:
    """A walk through a folder, and what it found so far."""

    folder: Path
    glob: Glob
    listing: Listing

    def look_into(self, below: str, places: Places, above: tuple[tuple[int, int], ...]) -> None:
        """below: the folder, with a slash behind it. above: the folders that it lies in, by device and inode."""
        folder = self.folder / below
        try:
            status = folder.stat()
            here = (status.st_dev, status.st_ino)
            if here in above:
                self.listing.lost.append(f"{folder} is by a link one of the folders that it lies in: not followed")
                return
            with os.scandir(folder) as scan:
                entries = sorted(scan, key=lambda entry: entry.name)
        except OSError as error:
            self.listing.refusals.append(f"{folder}: can't be listed: {error.strerror}: allow it, or narrow files")
            return
        for entry in entries:
            after = self.glob.after(places, entry.name)
            reach = after or self.glob.after(places, entry.name, hidden=True)
            if reach and (fault := _fault(entry)):
                self._lose(below + entry.name, after, fault)
            elif reach and entry.is_dir() and self.glob.goes_on(after):
                self.look_into(f"{below}{entry.name}/", after, (*above, here))
            elif reach:
                self._list(below + entry.name, after, reach, entry.is_dir())

    def _lose(self, name: str, after: Places, fault: str) -> None:
        if self.glob.is_match(after):
            self.listing.refusals.append(f"{self.folder / name}: {fault}")
        elif after:
            self.listing.lost.append(f"{self.folder / name}: {fault}; left out with all that it may have held")

    def _list(self, name: str, after: Places, reach: Places, is_folder: bool) -> None:
        """after, reach: where the glob is behind the name, without and with hidden ones."""
        if self.glob.is_match(after):
            (self.listing.folders if is_folder else self.listing.files).append(name)
        elif not after and (self.glob.goes_on(reach) if is_folder else self.glob.is_match(reach)):
            self.listing.hidden.append(f"{name}/" if is_folder else name)


def _fault(entry: "os.DirEntry[str]") -> str | None:
    """Why an entry is neither a file nor a folder; None if it is one."""
    try:
        kind = stat.S_IFMT(entry.stat().st_mode) if entry.is_symlink() else None
    except OSError as error:
        target = os.readlink(entry.path)
        nothing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        why = "which does not exist" if nothing else f"which can't be followed ({error.strerror})"
        return f"a link to {target}, {why}: restore that or remove the link"
    if entry.is_dir() or entry.is_file():
        return None
    kind = kind or stat.S_IFMT(entry.stat().st_mode)
    return f"{KINDS.get(kind, 'something')}, not a file: remove it, or narrow files"


def without_hidden(names: Iterable[str], files: str) -> Listing:
    """The listing of files that a URL's driver says match, without hidden ones."""
    glob, listing = Glob.of(files), Listing()
    for name in sorted(names):
        hidden = not glob.matches(name) and glob.matches(name, hidden=True)
        (listing.hidden if hidden else listing.files).append(name)
    return listing


def unpinned_files(dataset: Dataset, pinned: Iterable[str]) -> list[str]:
    """Local files that match a dataset's glob and are not pinned. pinned: paths of its pins."""
    folder = Path(dataset.source)
    if dataset.remote or not folder.is_dir():
        return []
    prefix = "" if folder == Path() else f"{folder.as_posix().rstrip('/')}/"
    files = (f"{prefix}{name}" for name in list_folder(folder, str(dataset.files)).files)
    return sorted({*files}.difference(pinned))


def local_folder(dataset: Dataset, source: str) -> Path:
    """A local dataset's folder. source: the file to name. Raises ConfigError, with the remedy, if it is none."""
    text = dataset.source
    folder = Path(text)
    if folder.is_dir():
        return folder
    if folder.is_file():
        remedy = f"is a file: write `source: {folder.parent}` and `files: '{folder.name}'`"
    elif text.startswith("~") or "$" in text:
        whole = os.path.expandvars(os.path.expanduser(text))
        remedy = f"~ and $ stand for themselves here: write {whole if whole != text else 'the whole path'}"
    elif any(letter in text for letter in "*?[{"):
        remedy = "is no folder: write the folder alone, and the glob in files"
    elif folder.is_symlink():
        remedy = f"is a link to {os.readlink(folder)}, which does not exist: restore that or correct source"
    else:
        there = next(parent for parent in folder.parents if parent.is_dir())
        remedy = f"no such folder below {there.absolute()}: correct source, which is relative to the repository"
    raise ConfigError(f"{source}: source: {text}: {remedy}")


def refuse(source: str, faults: Iterable[str], remedy: str = "") -> None:
    """
    Raise ConfigError with a line for each of the first faults, if there are any.

    source: the file to name. remedy: what to do where there are too many to name them all.
    """
    if lines := few([shown(fault) for fault in faults], remedy):
        raise ConfigError("\n".join(f"{source}: {line}" for line in lines))


def few(lines: Sequence[str], remedy: str = "") -> list[str]:
    """The first MOST lines, and how many more there are. remedy: to say then."""
    more = "; ".join(filter(None, [f"and {len(lines) - MOST:,} more", remedy]))
    return [*lines[:MOST], *([more] if len(lines) > MOST else [])]


def shown(path: str) -> str:
    """A path as a message can hold it: what can't be printed is escaped."""
    text = path.encode("utf-8", "backslashreplace").decode()
    return "".join(letter if letter.isprintable() or letter > "\x7f" else f"\\x{ord(letter):02x}" for letter in text)


@cache
def _regex(segment: str) -> re.Pattern[str]:
    return re.compile(fnmatch.translate(segment))


def _is_visible(name: str, segment: str) -> bool:
    """Whether a segment of a glob may match a name: a hidden one only if it does not begin with a wildcard."""
    return name[0] not in "._" or not segment.startswith(("*", "?", "[!"))
