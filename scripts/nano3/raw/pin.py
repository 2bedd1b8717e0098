"""How does a dataset enter the catalogue? Pinning lists its source, for review and commit like code."""

import hashlib
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePath

from tqdm import tqdm

from nano3.artifact.digest import digest_file
from nano3.core.schema import ConfigError, read_yaml
from nano3.formats.readers import count_rows, shard_name
from nano3.formats.source import COLUMNAR
from nano3.raw import hub, remote, tokenizers
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


def pin_datasets(names: Sequence[str], folder: Path = DATASETS, rows: bool = False) -> list[str]:
    """
    Pin datasets by name; returns changes and oddities, one line each.

    rows: also count unknown rows of remote shards; those of local ones are always counted.
    Raises ConfigError for a source without files or a revision that can move, HubError or UrlError for one that
    can't be read.
    """
    changes = []
    for name in names:
        source = f"{folder / name}.yaml"
        if match := re.fullmatch(HUB + "([^/]+/[^/]+)", str(read_yaml(Path(source)).get("source", ""))):
            changes += [f"{name}: {change}" for change in settled_revision(Path(source), match[1])]
        dataset = read_dataset(name, folder)
        before = {shard.name: shard for shard in read_pins(name, folder)} if pins_path(name, folder).is_file() else {}
        after = {shard.name: _with_rows(shard, before, dataset, rows) for shard in list_shards(dataset, source)}
        if before != after:
            write_pins(pins_path(name, folder), list(after.values()))
        for shard in sorted(before.keys() | after.keys()):
            if before.get(shard) != after.get(shard):
                changes.append(f"{name}: {_change(before.get(shard), after.get(shard))} {shard}")
        changes += _claimed_twice(name, folder)
        changes.append(f"{name}: {len(after)} shards, {sum(shard.bytes for shard in after.values()):,} bytes")
    return changes


def settled_revision(file: Path, repository: str, kind: hub.Kind = "dataset") -> list[str]:
    """
    Complete an abbreviated commit in a description's file. Returns the change, if any.

    Raises ConfigError for a branch, a tag or no revision, with the commit that it points to now.
    """
    revision = str(read_yaml(file).get("revision", "main"))
    if re.fullmatch("[0-9a-f]{40}", revision):
        return []
    with _named(str(file)):
        if not re.fullmatch("[0-9a-f]{7,39}", revision):
            commit = hub.latest_commit(repository, revision, kind)
            raise ConfigError(f"{file}: revision: {revision} can move: write `revision: {commit}`, its commit now")
        commit = hub.full_commit(repository, revision, kind)
    text = file.read_text(encoding="utf-8")
    file.write_text(re.sub(rf"(?m)^(revision: *[\"']?){revision}\b", rf"\g<1>{commit}", text), encoding="utf-8")
    return [f"revision {revision} is {commit}: written to {file}"]


@contextmanager
def _named(source: str) -> Iterator[None]:
    """Prefix the Hub's errors with the file to correct."""
    try:
        yield
    except hub.HubError as error:
        raise hub.HubError(f"{source}: {error}") from None


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


def _claimed_twice(name: str, folder: Path) -> Iterator[str]:
    """One line for each other dataset that shares raw files with this one."""
    ours = _claims(name, folder)
    for other in known_datasets(folder):
        if other != name and pins_path(other, folder).is_file() and (shared := sorted(ours & _claims(other, folder))):
            yield f"{name}: {len(shared)} of its raw files are also claimed by {other}, e.g. {shared[0]}"


def _claims(name: str, folder: Path) -> set[str]:
    """Locations of a dataset's raw files; on the Hub at any revision."""
    source = str(read_yaml(folder / f"{name}.yaml").get("source"))
    paths = (shard.path for shard in read_pins(name, folder))
    return {f"{source.rstrip('/')}/{path}" if "://" in source else path for path in paths}


def pin_tokenizer(name: str) -> list[str]:
    """
    Pin a tokenizer of config/tokenizers; returns the changes, one line each.

    Raises ConfigError for a revision that can move, HubError for a repository that can't be read or has no tokenizer.
    """
    file = tokenizers.TOKENIZERS / f"{name}.yaml"
    changes = settled_revision(file, tokenizers.read_tokenizer(name).repository, "model")
    tokenizer = tokenizers.read_tokenizer(name)
    repository, commit = tokenizer.repository, str(tokenizer.revision)
    with _named(str(file)):
        paths = hub.list_files(repository, commit)
        if tokenizers.DEFINITION not in paths:
            raise hub.HubError(f"source: {repository} has no {tokenizers.DEFINITION}: name a repository that has one")
        paths = [path for path in paths if path in tokenizers.FILES]
        files = [tokenizers.TokenizerFile(*each) for each in hub.describe_files(repository, commit, paths, "model")]
    tokenizers.write_pins(name, files)
    changes += [f"pinned {each.name}, {each.bytes:,} bytes" for each in files]
    return [f"{name}: {change}" for change in changes]


def list_shards(dataset: Dataset, source: str) -> list[Shard]:
    """The raw shards at a dataset's source, sorted by name. source: the file to name in errors."""
    shards: dict[str, Shard] = {}
    list_files = _hub_files if dataset.on_hub else _url_files if dataset.remote else _local_files
    for shard in list_files(dataset, source):
        if "{" in shard.name or "}" in shard.name:
            raise ConfigError(f"{source}: {shard.path}: a shard's name can't have braces: rename it")
        if shard.name in shards:
            raise ConfigError(
                f"{source}: {shard.path} and {shards[shard.name].path} would both be shard {shard.name}: "
                "rename one of them"
            )
        shards[shard.name] = shard
    if not shards:
        raise ConfigError(f"{source}: no file matches {dataset.files!r} in {dataset.source}: correct source or files")
    return [shards[name] for name in sorted(shards)]


def _local_files(dataset: Dataset, _source: str) -> Iterator[Shard]:
    folder = Path(dataset.source)
    files = sorted(path for path in folder.glob(str(dataset.files)) if path.is_file())
    for path in tqdm(files, desc=dataset.source, unit=" files", disable=None):
        name = shard_name(path.relative_to(folder).as_posix())
        yield Shard(
            name, path.as_posix(), path.stat().st_size, count_rows(path, None, dataset.text_source), digest_file(path)
        )


def _hub_files(dataset: Dataset, source: str) -> Iterator[Shard]:
    commit = str(dataset.revision)
    with _named(source):
        paths = hub.split_files(dataset.repository, commit, dataset.subset, dataset.split or "train")
    names = {path: shard_name(path) for path in paths}
    files = hub.describe_files(dataset.repository, commit, paths)
    for path, size, sha256 in tqdm(files, desc=dataset.source, total=len(paths), unit=" files", disable=None):
        yield Shard(names[path], path, size, None, sha256)


def _url_files(dataset: Dataset, _source: str) -> Iterator[Shard]:
    sizes = remote.list_files(dataset.source, str(dataset.files))
    total = sum(sizes.values())
    with tqdm(desc=dataset.source, total=total, unit="B", unit_scale=True, disable=None) as progress:
        for path, size in sizes.items():
            digest = hashlib.sha256()
            for chunk in remote.chunks(dataset.origin(path)):
                digest.update(chunk)
                progress.update(len(chunk))
            yield Shard(shard_name(path), path, size, None, digest.hexdigest())
