"""
Which files of a folder are data, and which glob matches them?

A file is data if its name ends as one of FORMATS. Beside others, a .txt file is taken for a README or a licence, and
a file that the library `datasets` writes is what its name says; both are left out and told.
"""

import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nano3 import Nano3Error
from nano3.core.formatting import many
from nano3.formats.source import BY_LINE, COLUMNAR, PACKED, ending_of, kind_of
from nano3.raw.hub import LIBRARY_FILES
from nano3.raw.listing import Glob, data_files, list_folder, some

NAMED = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)=(.+)", re.DOTALL)


class StartError(Nano3Error):
    """A recipe can't be made of what was given."""


@dataclass(frozen=True)
class Place:
    """A dataset as it was asked for. name: of the dataset. folder: of its files. only: the one file of it, if any."""

    name: str
    folder: Path
    only: str | None = None

    @property
    def source(self) -> str:
        """As a dataset's description has it: relative to the repository if it lies inside, else absolute."""
        whole, here = Path(os.path.abspath(self.folder)), Path.cwd()
        return whole.relative_to(here).as_posix() if whole.is_relative_to(here) else whole.as_posix()


@dataclass(frozen=True)
class Contents:
    """
    Files of a folder, as sorted paths relative to it. data: by ending. others: that are left out. bytes: of data.

    is_one_file: whether no other file of the folder was asked for.
    """

    folder: Path
    data: dict[str, list[str]]
    others: list[str]
    bytes: dict[str, int]
    is_one_file: bool = False

    def glob(self, files: Sequence[str]) -> str | None:
        """A glob that matches these files of the folder and no other; None if no simple one does."""
        if self.is_one_file:
            return re.sub(r"([*?[])", r"[\1]", files[0])
        every = {*self.others, *(file for group in self.data.values() for file in group)}
        return next((glob for glob in _globs(files) if {*filter(Glob.of(glob).matches, every)} == {*files}), None)


def places(data: Sequence[str]) -> list[Place]:
    """
    The datasets of `--data FOLDER` and `--data NAME=FOLDER`, in order. A file is accepted, too.

    Raises StartError for what is no folder, and for two of one name.
    """
    found = [_place(each) for each in data]
    for number, place in enumerate(found):
        if earlier := next((other for other in found[:number] if other.name == place.name), None):
            raise StartError(
                f"--data {data[number]}: dataset {place.name} is {earlier.folder} already: give it another name, "
                f"--data {place.name}-2={place.folder}"
            )
    return found


def contents(place: Place) -> Contents:
    """What is in a folder. Raises StartError, with what there is instead, if none of it is data."""
    listing = list_folder(place.folder, "**/*")
    files = data_files(place.folder)
    if place.only is not None:
        files = [place.only]
    is_text = all(kind_of(file) == ".txt" for file in files)
    data = [file for file in files if (kind_of(file) != ".txt" or is_text) and Path(file).name not in LIBRARY_FILES]
    others = [file for file in listing.files if file not in {*data}]
    if not data:
        raise StartError(f"--data {place.folder}: {_without_data(others, listing.refusals)}")
    groups: dict[str, list[str]] = {}
    for file in data:
        groups.setdefault(ending_of(file), []).append(file)
    sizes = {ending: sum((place.folder / file).stat().st_size for file in group) for ending, group in groups.items()}
    return Contents(place.folder, groups, [] if place.only else others, sizes, place.only is not None)


def valid_name(text: str) -> str:
    """A name for paths: letters, digits, . _ - of a text, `data` if it has none."""
    import unicodedata

    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^A-Za-z0-9._-]+", "-", plain).strip("-._").lower() or "data"


def expanded(text: str) -> Path:
    """A path with ~ and $NAME written out, where it is not there as it stands."""
    path = Path(text)
    return path if path.exists() else Path(os.path.expandvars(os.path.expanduser(text)))


def _place(text: str) -> Place:
    match = NAMED.fullmatch(text)
    name, path = (match[1], match[2]) if match and not Path(text).exists() else (None, text)
    if "://" in path:
        raise StartError(
            f"--data {text}: only a folder of this machine can be looked at: describe what lies elsewhere in "
            "config/datasets/NAME.yaml and pin it with `nano3 pin NAME`"
        )
    folder = expanded(path)
    if folder.is_file():
        whole = Path(os.path.abspath(folder))
        stem = whole.name.removesuffix(ending_of(whole.name))
        return Place(name or valid_name(stem), whole.parent, whole.name)
    if not folder.is_dir():
        raise StartError(f"--data {text}: {_no_folder(folder)}")
    return Place(name or valid_name(Path(os.path.abspath(folder)).name), folder)


def _no_folder(folder: Path) -> str:
    if folder.is_symlink():
        return (
            f"{folder} is a link to {os.readlink(folder)}, which does not exist: restore that, or name another folder"
        )
    whole = Path(os.path.abspath(folder))
    above = next(parent for parent in whole.parents if parent.is_dir())
    try:
        names = sorted(entry.name for entry in above.iterdir() if entry.is_dir() and not entry.name.startswith("."))
    except OSError as error:
        return f"no such folder, and {above} can't be listed: {error.strerror}"
    return f"no such folder; {above} has: {some(names, 6) or 'no folder'}"


def _without_data(others: Sequence[str], refusals: Sequence[str]) -> str:
    if refusals:
        return refusals[0]
    has = f"has {many(len(others), 'file')}, none in a format that is read: {some(others)}" if others else "is empty"
    kinds = f"{', '.join((*COLUMNAR, *BY_LINE))}, the last {len(BY_LINE)} also with {', '.join(PACKED)} behind"
    return f"{has}; raw shards end in {kinds}; plain text must end in .txt"


def _globs(files: Sequence[str]) -> Iterator[str]:
    """Globs that may match these files, the most specific first."""
    endings = {ending_of(file) for file in files}
    folders = _folders(files)
    for ending in _common(endings):
        for folder in folders:
            yield f"{folder}*{ending}"


def _common(endings: Iterable[str]) -> Iterator[str]:
    """Ends of a glob for all of some endings."""
    each = sorted({*endings})
    if len(each) == 1:
        yield each[0]
    kinds = {kind_of(f"a{ending}") for ending in each}
    if len(kinds) == 1:
        yield f"{kinds.pop()}*"
    yield ""


def _folders(files: Sequence[str]) -> list[str]:
    """Beginnings of a glob: of files in the folder itself, in one folder of it, or anywhere."""
    above = {file.rpartition("/")[0] for file in files}
    one = above.pop() if len(above) == 1 else ""
    plain = f"{one}/" if one and not set("*?[{}") & set(one) else ""
    return [*dict.fromkeys([plain, "", "**/"])] if plain else ["", "**/"]
