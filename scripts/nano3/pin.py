"""Pinning: what lies in a dataset's source becomes lines of the catalogue, reviewed and committed like code."""

from collections.abc import Sequence
from pathlib import Path

from nano3.catalog import DATASETS, Dataset, Shard, pins_path, read_dataset, read_pins, write_pins
from nano3.digest import digest_file
from nano3.schema import ConfigError
from nano3.text import count_rows, shard_name


def pin_datasets(names: Sequence[str], folder: Path = DATASETS) -> list[str]:
    """Pin datasets by name and return what changed, one line each. Raises ConfigError for a source without files."""
    changes = []
    for name in names:
        before = {shard.name: shard for shard in read_pins(name, folder)} if pins_path(name, folder).is_file() else {}
        shards = list_shards(read_dataset(name, folder), f"{folder / name}.yaml")
        after = {shard.name: shard for shard in shards}
        if before != after:
            write_pins(pins_path(name, folder), shards)
        for shard in sorted(before.keys() | after.keys()):
            if before.get(shard) != after.get(shard):
                verb = "added" if shard not in before else "removed" if shard not in after else "changed"
                changes.append(f"{name}: {verb} {shard}")
        changes.append(f"{name}: {len(shards)} shards, {sum(shard.bytes for shard in shards):,} bytes")
    return changes


def list_shards(dataset: Dataset, source: str) -> list[Shard]:
    """The raw shards in a dataset's folder, sorted by name, read and digested. source: the file to name in errors."""
    folder = Path(dataset.source)
    files = sorted(path for path in folder.glob(dataset.files) if path.is_file())
    if not files:
        raise ConfigError(f"{source}: no file matches {dataset.files!r} in {folder}: mend source or files")
    shards: dict[str, Shard] = {}
    for path in files:
        name = shard_name(path.relative_to(folder).as_posix())
        if "{" in name or "}" in name:
            raise ConfigError(f"{source}: {path}: a shard's name can't have braces: rename it")
        if name in shards:
            raise ConfigError(
                f"{source}: {path} and {shards[name].path} would both be shard {name}: rename one of them"
            )
        shards[name] = Shard(name, path.as_posix(), path.stat().st_size, count_rows(path), digest_file(path))
    return [shards[name] for name in sorted(shards)]
