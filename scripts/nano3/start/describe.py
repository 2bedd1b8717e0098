"""
Which datasets are the files of a folder? One, if one glob and one text column do for all; else one for each format.

What is not certain is asked, or must be given: nobody trains on a guess that was not seen.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from shlex import quote
from typing import Any, Literal

from nano3.core.formatting import many, size
from nano3.core.schema import ConfigError, validated
from nano3.formats.source import Document, OnBadRow, kind_of
from nano3.raw.datasets import DATASETS, Dataset, pins_path, read_dataset
from nano3.raw.listing import some
from nano3.start.columns import Guess, TextColumn, guess, guess_document
from nano3.start.folder import Contents, Place, StartError, contents
from nano3.start.written import NOT_SAID

SHOWN_COLUMNS = 6

Ask = Callable[[str, Sequence[str], str], str]  # a question, possible answers if they are few, the likely one


@dataclass(frozen=True)
class Reading:
    """
    How files are to be read, as far as somebody said so. columns: by name of the dataset; "" for all. guess: whether a
    guess that is not certain is taken.
    """

    columns: Mapping[str, str]
    document: Document | None = None
    on_bad_row: OnBadRow | None = None
    duplicates: Literal["refuse", "keep"] | None = None
    guess: bool = False

    @classmethod
    def columns_of(cls, given: Sequence[str]) -> dict[str, str]:
        """By dataset, of `--column C` and `--column NAME=C`."""
        parts = [each.rpartition("=") for each in given]
        return {name: column for name, _, column in parts}


@dataclass(frozen=True)
class Described:
    """A dataset and what it was made of. exists: whether the repository describes it already. lines: what was found."""

    name: str
    dataset: Dataset
    exists: bool
    lines: list[str]

    @property
    def label(self) -> str:
        """To name in errors."""
        return f"--data {self.name}={self.dataset.source}"


def described(place: Place, reading: Reading, ask: Ask | None) -> list[Described]:
    """
    The datasets of a place. ask: asks a person; None if nobody is there.

    Raises StartError for what can't be decided, and for a name that another dataset has.
    """
    held = contents(place)
    texts, useless = _texts(held, place, reading, ask)
    groups = _groups(held, texts)
    made = [_described(held, place, group, texts, reading, len(groups) > 1) for group in groups]
    left_out = [*held.others, *(file for ending in useless for file in held.data[ending])]
    if left_out:
        made[0].lines.append(f"left out: {some(left_out)}")
    return made


@dataclass(frozen=True)
class _Text:
    """Where the text is in files of one format. column: None for .txt. among: all columns of text."""

    column: str | None
    document: Document | None = None
    among: Sequence[TextColumn] = ()


def _texts(held: Contents, place: Place, reading: Reading, ask: Ask | None) -> tuple[dict[str, _Text], list[str]]:
    """Where the text is, by ending; and endings of files without any, if others have some."""
    texts, useless = {}, list[str]()
    for ending, files in held.data.items():
        paths = [held.folder / file for file in files]
        if kind_of(f"a{ending}") == ".txt":
            texts[ending] = _Text(None, reading.document or guess_document(paths))
            continue
        try:
            found = guess(paths)
        except StartError:
            if len(held.data) - len(useless) == 1:
                raise
            useless.append(ending)
            continue
        texts[ending] = _Text(_column(found, place, reading, ask), None, found.columns)
    return texts, useless


def _column(found: Guess, place: Place, reading: Reading, ask: Ask | None) -> str:
    given = reading.columns.get(place.name, reading.columns.get(""))
    if given is not None:
        return given
    if found.certain or reading.guess:
        return found.best.name
    names = [column.name for column in found.columns]
    if ask:
        shown = "".join(f"\n  {column.name}: {column.sample}" for column in found.columns[:SHOWN_COLUMNS])
        return ask(f"{place.name}: which column is the text?{shown}\n", names, found.best.name)
    lengths = ", ".join(f"{column.name} ({column.mean:,.0f} characters)" for column in found.columns[:SHOWN_COLUMNS])
    raise StartError(
        f"--data {place.folder / (place.only or '')}: which column is the text is not certain: {lengths}: give "
        f"--column {quote(f'{place.name}={found.best.name}')}, or --yes to take this first one"
    )


def _groups(held: Contents, texts: Mapping[str, _Text]) -> list[list[str]]:
    """Endings that are a dataset together: all, if they are read alike and a glob matches them, else each."""
    alike = len({(text.column, text.document) for text in texts.values()}) == 1
    files = [file for ending in texts for file in held.data[ending]]
    return [[*texts]] if alike and held.glob(files) else [[ending] for ending in texts]


def _described(
    held: Contents, place: Place, endings: Sequence[str], texts: Mapping[str, _Text], reading: Reading, is_part: bool
) -> Described:
    files = sorted(file for ending in endings for file in held.data[ending])
    glob, text = held.glob(files), texts[endings[0]]
    if glob is None:
        raise StartError(
            f"--data {place.folder}: no glob matches {some(files)} and leaves out {some(held.others)}: move one of "
            "the two to a folder of its own"
        )
    name = f"{place.name}{endings[0].replace('.', '-')}" if is_part else place.name
    number = sum(held.bytes[ending] for ending in endings)
    formats = " and ".join(endings)
    what = f"{many(len(files), f'{formats} file')} in {place.source}, {size(number)}"
    values: dict[str, Any] = {
        "source": place.source,
        "files": glob,
        "text_column": text.column,
        "document": text.document,
        "on_bad_row": reading.on_bad_row,
        "duplicates": reading.duplicates,
        "category": name,
        "licence": NOT_SAID,
        "about": f"{many(len(files), f'{formats} file')} in {place.source}.",
    }
    given = {key: value for key, value in values.items() if value is not None}
    dataset = validated(Dataset, given, f"--data {place.folder}")
    lines = [f"{name}: {what}", *_told(text, files)]
    return Described(name, _existing(name, dataset) or dataset, _is_known(name), lines)


def _told(text: _Text, files: Sequence[str]) -> Iterator[str]:
    """What the text is, and what else it might be."""
    if text.column is None:
        other = "line" if text.document == "file" else "file"
        yield f"a document is a {text.document}; --document {other} makes it a {other}"
        return
    chosen = next((column for column in text.among if column.name == text.column), None)
    others = [column.name for column in text.among if column is not chosen]
    length = f", {chosen.mean:,.0f} characters on average, e.g. “{chosen.sample}”" if chosen else ""
    yield f"text: column {text.column}{length}"
    if others:
        yield f"other columns of text: {some(others, SHOWN_COLUMNS)}; --column takes another"


def _is_known(name: str) -> bool:
    return (DATASETS / f"{name}.yaml").is_file()


def _existing(name: str, wanted: Dataset) -> Dataset | None:
    """The dataset of this name, if the repository has it. Raises StartError if it is another one, or is not pinned."""
    if not _is_known(name):
        return None
    file = DATASETS / f"{name}.yaml"
    try:
        there = read_dataset(name)
    except ConfigError as error:
        raise StartError(f"{error}; or give the new data another name, --data NAME=FOLDER") from None
    if (there.source, there.files, there.text_source) != (wanted.source, wanted.files, wanted.text_source):
        raise StartError(
            f"{file} exists and describes other data, {there.source}/{there.files}: give the new data another name, "
            f"--data {name}-2={wanted.source}"
        )
    if not pins_path(name).is_file():
        raise StartError(f"{file} describes this data but is not pinned: run `nano3 pin {name}` first")
    return there
