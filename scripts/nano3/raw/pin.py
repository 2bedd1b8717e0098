"""
How does a dataset enter the catalogue? Pinning lists its source, for review and commit like code.

Nothing of a source is lost in silence: what can't be a shard is refused by name before anything is written, and what is
left out, empty or there twice is told.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePath

from tqdm import tqdm

from nano3.artifact.files import replaced
from nano3.core.formatting import many
from nano3.core.schema import ConfigError, read_yaml
from nano3.formats.readers import Look, count_rows, refusal
from nano3.formats.source import COLUMNAR, TextError, ending_of
from nano3.raw import hub, looks, remote, tokenizers
from nano3.raw.datasets import (
    DATASETS,
    HUB,
    Dataset,
    Shard,
    known_datasets,
    pins_path,
    read_dataset,
    read_pins,
    write_pins,
)
from nano3.raw.listing import (
    Listing,
    few,
    list_folder,
    local_folder,
    refuse,
    shown,
    some,
    unmatched_files,
    without_hidden,
)

FILE = "file://"  # fsspec's driver does not follow links to folders, and skips links to nowhere in silence


@dataclass
class Inventory:
    """What pinning finds at a source. contents: of shards by name, see looks.RawFile; sha256 where it is not read."""

    shards: list[Shard] = field(default_factory=list)
    contents: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    def add(self, shard: Shard, content: str) -> None:
        """One more shard."""
        self.shards.append(shard)
        self.contents[shard.name] = content


def pin_datasets(names: Sequence[str], folder: Path = DATASETS, rows: bool = False) -> list[str]:
    """
    Pin datasets by name; returns changes and oddities, one line each.

    rows: also count unknown rows of remote shards; those of local ones are always counted.
    Raises ConfigError for a source without files, with a file that can't be a shard or with a revision that can move,
    HubError or UrlError for one that can't be read. The pins of the dataset are then as they were before.
    """
    return [f"{name}: {shown(line)}" for name in names for line in _pin(name, folder, rows)]


def _pin(name: str, folder: Path, rows: bool) -> list[str]:
    source = folder / f"{name}.yaml"
    match = re.fullmatch(HUB + "([^/]+/[^/]+)", str(read_yaml(source).get("source", "")))
    commit = full_revision(source, match[1]) if match else None
    dataset = read_dataset(name, folder)
    if commit:
        dataset = dataset.model_copy(update={"revision": commit})
    before, damage = _pins_before(name, folder)
    shards, remarks = pins_of(name, dataset, str(source), folder, before, rows)
    after, notes = {shard.name: shard for shard in shards}, [*damage, *remarks]
    if before != after:
        write_pins(pins_path(name, folder), list(after.values()))
    changes = [complete_revision(source, commit)] if commit else []
    for shard in sorted(before.keys() | after.keys()):
        if before.get(shard) != after.get(shard):
            changes.append(f"{_change(before.get(shard), after.get(shard))} {shard}")
    return [*changes, *notes, _total(shards)]


def _total(shards: Sequence[Shard]) -> str:
    counted = [shard.rows for shard in shards if shard.rows is not None]
    rows = [many(sum(counted), "row")] if len(counted) == len(shards) else []
    return ", ".join([many(len(shards), "shard"), *rows, f"{sum(shard.bytes for shard in shards):,} bytes"])


def pins_of(
    name: str,
    dataset: Dataset,
    source: str,
    folder: Path = DATASETS,
    before: Mapping[str, Shard] | None = None,
    rows: bool = False,
) -> tuple[list[Shard], list[str]]:
    """
    What would be pinned of a dataset, sorted by name, and what is odd about it, one line each; nothing is written.

    source: to name in errors. folder: of other datasets, to compare with. before: earlier pins by name, whose rows are
    those of the same bytes. rows: see pin_datasets, as for errors.
    """
    inventory = list_shards(dataset, source)
    with _named(source):
        shards = [_with_rows(shard, before or {}, dataset, rows) for shard in inventory.shards]
    names = [shard.name for shard in shards]
    notes = [*inventory.notes, *_empty(shards), *looks.near_names(names)]
    notes += _refused_duplicates(shards, inventory.contents, dataset, source)
    neighbours = _Neighbours.of(name, dataset, shards, folder)
    return shards, [*notes, *neighbours.notes, *_beside(dataset, shards, neighbours.places), *_left_out(dataset)]


def full_revision(file: Path, repository: str, kind: hub.Kind = "dataset") -> str | None:
    """
    The commit that a description abbreviates; None if it does not.

    Raises ConfigError for a branch, a tag or no revision, with the commit that it points to now.
    """
    revision = str(read_yaml(file).get("revision", "main"))
    if re.fullmatch("[0-9a-f]{40}", revision):
        return None
    with _named(str(file)):
        if not re.fullmatch("[0-9a-f]{7,39}", revision):
            commit = hub.latest_commit(repository, revision, kind)
            raise ConfigError(f"{file}: revision: {revision} can move: write `revision: {commit}`, its commit now")
        return hub.full_commit(repository, revision, kind)


def complete_revision(file: Path, commit: str) -> str:
    """Write the whole commit in a description's file; returns the change."""
    revision, text = str(read_yaml(file)["revision"]), file.read_text(encoding="utf-8")
    with replaced(file) as aside:
        whole = re.sub(rf"(?m)^(revision: *[\"']?){revision}\b", rf"\g<1>{commit}", text)
        aside.write_text(whole, encoding="utf-8")
    return f"revision {revision} is {commit}: written to {file}"


@contextmanager
def _named(source: str) -> Iterator[None]:
    """Prefix errors of the Hub, of a URL and of a raw file with the file to correct."""
    try:
        yield
    except (hub.HubError, remote.UrlError) as error:
        raise type(error)(f"{source}: {error}", error.outage) from None
    except TextError as error:
        raise TextError(f"{source}: {error}") from None


def _pins_before(name: str, folder: Path) -> tuple[dict[str, Shard], list[str]]:
    """The shards that are pinned, by name, and what is wrong with the pins: pinning again is the remedy."""
    if not pins_path(name, folder).is_file():
        return {}, []
    try:
        return {shard.name: shard for shard in read_pins(name, folder)}, []
    except ConfigError as error:
        return {}, [f"replaced pins that could not be read: {error}"]


def _change(before: Shard | None, after: Shard | None) -> str:
    if before is None or after is None:
        return "added" if before is None else "removed"
    return "changed" if before.sha256 != after.sha256 else "counted" if before.path == after.path else "moved"


def _with_rows(shard: Shard, before: Mapping[str, Shard], dataset: Dataset, count: bool) -> Shard:
    """The shard with its rows: those of before if its bytes are the same, else counted at its source if `count`."""
    earlier = before.get(shard.name)
    if shard.rows is None and earlier and earlier.sha256 == shard.sha256:
        shard = replace(shard, rows=earlier.rows)
    if shard.rows is None and count:
        origin, path = dataset.origin(shard.path), PurePath(shard.path)
        footer = path.suffix in COLUMNAR
        with hub.opened(origin) if dataset.on_hub else remote.opened(origin, anywhere=footer) as file:
            shard = replace(shard, rows=count_rows(path, file, dataset.text_source))
    return shard


def _empty(shards: Iterable[Shard]) -> Iterator[str]:
    """A line for files of no bytes, and one for other files without rows."""
    void = [shard.path for shard in shards if not shard.bytes]
    if void:
        yield f"{many(len(void), 'file')} of 0 bytes: {some(void)}"
    if bare := [shard.path for shard in shards if shard.bytes and shard.rows == 0]:
        yield f"{many(len(bare), 'file')} without rows: {some(bare)}"


def _refused_duplicates(
    shards: Iterable[Shard], contents: Mapping[str, str], dataset: Dataset, source: str
) -> list[str]:
    """
    A line for each content that more than one shard has; shards without rows have none.

    Raises ConfigError, unless the dataset keeps duplicates.
    """
    groups: dict[str, list[Shard]] = {}
    for shard in shards:
        if shard.bytes and shard.rows != 0:
            groups.setdefault(contents[shard.name], []).append(shard)
    lines = []
    for group in groups.values():
        if len(group) > 1:
            what = "bytes" if len({shard.sha256 for shard in group}) == 1 else "content"
            lines.append(f"{' and '.join(few([shard.path for shard in group]))} have the same {what}")
    if dataset.duplicates == "refuse":
        remedy = "write" if dataset.on_hub else "remove all but one, or write"
        refuse(source, [f"{line}: {remedy} `duplicates: keep` to read each of them" for line in lines])
    return few(lines)


@dataclass
class _Neighbours:
    """The other pinned datasets. places: of their raw files. notes: a line for each that shares files or bytes."""

    places: set[str] = field(default_factory=set)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, name: str, dataset: Dataset, shards: Iterable[Shard], folder: Path) -> "_Neighbours":
        """Those of a dataset with these shards."""
        ours = {_location(dataset, shard.path): shard for shard in shards if shard.bytes and shard.rows != 0}
        neighbours = cls()
        for other in known_datasets(folder):
            if other == name or not pins_path(other, folder).is_file():
                continue
            try:
                neighbours._compare(other, read_dataset(other, folder), read_pins(other, folder), ours)
            except ConfigError as error:
                neighbours.notes.append(f"not compared with {other}: {error}")
        return neighbours

    def _compare(self, other: str, description: Dataset, pins: Sequence[Shard], ours: Mapping[str, Shard]) -> None:
        places = {_location(description, shard.path) for shard in pins}
        self.places |= places
        if claimed := sorted(ours.keys() & places):
            self.notes.append(f"{len(claimed)} of its raw files are also claimed by {other}, e.g. {claimed[0]}")
        digests = {shard.sha256: shard.path for shard in ours.values()}
        same = [(digests[shard.sha256], shard.path) for shard in pins if shard.sha256 in digests]
        if copies := [pair for pair in same if _location(description, pair[1]) not in ours]:
            ours_first, theirs = copies[0]
            self.notes.append(
                f"{other} has {many(len(copies), 'shard')} with bytes of this dataset, e.g. {theirs} and {ours_first}"
            )


def _beside(dataset: Dataset, shards: Iterable[Shard], claimed: set[str]) -> Iterator[str]:
    """A line if the folder has data files that neither this dataset's glob nor another dataset takes in."""
    files = sorted(set(unmatched_files(dataset)).difference(claimed, (shard.path for shard in shards)))
    if files:
        endings = {ending_of(file) for file in files}
        wider = f"'**/*{endings.pop()}'" if len(endings) == 1 else "'**/*'"
        what = many(len(files), "data file")
        yield f"{what} of the folder not pinned, for {dataset.files!r} does not match: {some(files)}; {wider} would"


def _location(dataset: Dataset, path: str) -> str:
    """Where a raw file lies; on the Hub at any revision."""
    return f"{dataset.source.rstrip('/')}/{path}" if dataset.remote else path


def _left_out(dataset: Dataset) -> Iterator[str]:
    """A line if a repository of the Hub has data files that no subset's split has."""
    if dataset.on_hub and (files := hub.left_out(dataset.repository, str(dataset.revision), dataset.subset)):
        yield f"{many(len(files), 'data file')} of {dataset.repository} in no split of any subset: {some(files)}"


def pin_tokenizer(name: str) -> list[str]:
    """
    Pin a tokenizer of config/tokenizers; returns the changes, one line each.

    Raises ConfigError for a revision that can move, HubError for a repository that can't be read or has no tokenizer.
    """
    file = tokenizers.TOKENIZERS / f"{name}.yaml"
    tokenizer = tokenizers.read_tokenizer(name)
    abbreviated = full_revision(file, tokenizer.repository, "model")
    repository, commit = tokenizer.repository, abbreviated or str(tokenizer.revision)
    with _named(str(file)):
        paths = hub.list_files(repository, commit)
        if tokenizers.DEFINITION not in paths:
            raise hub.HubError(f"source: {repository} has no {tokenizers.DEFINITION}: name a repository that has one")
        paths = [path for path in paths if path in tokenizers.FILES]
        files = [tokenizers.TokenizerFile(*each) for each in hub.describe_files(repository, commit, paths, "model")]
    tokenizers.write_pins(name, files)
    changes = [complete_revision(file, abbreviated)] if abbreviated else []
    changes += [f"pinned {each.name}, {each.bytes:,} bytes" for each in files]
    return [f"{name}: {change}" for change in changes]


def list_shards(dataset: Dataset, source: str) -> Inventory:
    """
    The raw shards at a dataset's source, sorted by name. source: the file to name in errors.

    Raises ConfigError if there is none, or with a line for each file that can't be one.
    """
    in_folder = not dataset.remote or dataset.source.startswith(FILE)
    find = _in_folder if in_folder else _on_hub if dataset.on_hub else _at_url
    inventory = find(dataset, source)
    if inventory.shards and all(shard.rows == 0 or not shard.bytes for shard in inventory.shards):
        number = many(len(inventory.shards), "file")
        raise ConfigError(f"{source}: none of its {number} has a row: correct source or files")
    inventory.shards.sort(key=lambda shard: shard.name)
    return inventory


def _in_folder(dataset: Dataset, source: str) -> Inventory:
    """Of a local folder, also if a URL names it: only what is pinned as a shard's path differs."""
    folder = Path(dataset.source.removeprefix(FILE)) if dataset.remote else local_folder(dataset, source)
    listing = list_folder(folder, str(dataset.files))
    names = looks.shard_names(dataset, source, listing)
    places = {path: folder / path if dataset.remote else Path(path) for path in names}
    remarks = _remarks([*places.values()], dataset, source)
    inventory, faults = Inventory(notes=[*listing.notes, *remarks]), []
    for path, name in tqdm(names.items(), desc=dataset.source, unit=" files", disable=None):
        try:
            file = looks.measure(places[path], dataset.text_source)
        except (TextError, OSError) as error:
            faults.append(_sentence(places[path], error))
        else:
            inventory.add(Shard(name, path, file.bytes, file.rows, file.sha256), file.content)
    refuse(source, faults)
    return inventory


def _remarks(paths: Sequence[Path], dataset: Dataset, source: str) -> list[str]:
    """What is told of the beginnings of local files. Raises ConfigError with what is refused."""
    views: dict[Path, Look] = {}
    faults: list[str | None] = []
    for path in tqdm(paths, desc=f"{dataset.source}: first rows", unit=" files", disable=None):
        try:
            views[path] = looks.look_at(path, dataset)
            faults.append(looks.fault_of(views[path], path, dataset))
        except (TextError, OSError) as error:
            faults.append(_sentence(path, error))
    lacking = [path for path, each in views.items() if each.lacks_column]
    none_has = len(lacking) == sum(each.rows > 0 for each in views.values())
    for path in lacking:
        certain = none_has or looks.is_whole(views[path])
        faults.append(
            looks.column_fault(views[path], path, dataset) if certain else looks.late_column_fault(path, dataset)
        )
    refuse(source, filter(None, faults))
    return few([remark for path, each in views.items() if (remark := looks.remark_of(each, path, dataset))])


def _sentence(path: Path, error: Exception) -> str:
    """Why a local file can't be pinned."""
    if isinstance(error, OSError):
        return f"{path}: can't be read: {error.strerror}: allow it, or narrow files"
    return str(error)


def _on_hub(dataset: Dataset, source: str) -> Inventory:
    commit = str(dataset.revision)
    with _named(source):
        paths = hub.split_files(dataset.repository, commit, dataset.subset, dataset.split or "train")
    names, inventory = looks.shard_names(dataset, source, Listing(paths)), Inventory()
    files = hub.describe_files(dataset.repository, commit, paths)
    for path, size, sha256 in tqdm(files, desc=dataset.source, total=len(paths), unit=" files", disable=None):
        inventory.add(Shard(names[path], path, size, None, sha256), sha256)
    return inventory


def _at_url(dataset: Dataset, source: str) -> Inventory:
    sizes = remote.list_files(dataset.source, str(dataset.files))
    listing = without_hidden(sizes, str(dataset.files))
    names = looks.shard_names(dataset, source, listing)
    inventory, faults = Inventory(notes=listing.notes), []
    total = sum(sizes[path] or 0 for path in names)
    with tqdm(desc=dataset.source, total=total, unit="B", unit_scale=True, disable=None) as progress:
        for path, name in names.items():
            file = remote.digest(dataset.origin(path), sizes[path], progress.update)
            if fault := refusal(file.head, PurePath(path).name):
                faults.append(f"{path}: {fault}")
            inventory.add(Shard(name, path, file.size, None, file.sha256), file.sha256)
    refuse(source, faults)
    return inventory
