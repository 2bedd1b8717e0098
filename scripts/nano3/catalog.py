"""
The catalogue: which raw shards a dataset has, pinned byte for byte.

config/datasets/{dataset}.yaml   where the dataset comes from, written by hand
config/datasets/{dataset}.tsv    its shards with size, rows and SHA-256, written by pin_dataset.py, reviewed like code
"""

import csv
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from pydantic import Field

from nano3.schema import Closed, ConfigError, read_yaml, validated

DATASETS = Path("config/datasets")


class Dataset(Closed):
    """Where a dataset's raw shards lie and how to read them."""

    source: str = Field(description="Folder of the raw shards, relative to the repository; read in place.")
    files: str = Field(
        pattern=r"^[^/{}]",
        description="Glob of the shards' files inside the source, e.g. *.parquet or part-*.jsonl.zst.",
    )
    text_column: str = Field(description="Column that holds a document's text.")
    category: str = Field(description="Category of the curriculum that the dataset belongs to, e.g. code or math.")
    licence: str = Field(description="Licence of the text, by name.")
    about: str = Field(description="One sentence: what the documents are.")


@dataclass(frozen=True)
class Shard:
    """One raw file of a dataset. name: the file's own name without its format's ending; rows: rows in the file."""

    name: str
    path: str
    bytes: int
    rows: int
    sha256: str


def read_dataset(name: str, folder: Path = DATASETS) -> Dataset:
    """The dataset's description. Raises ConfigError with the known names if there is none."""
    path = folder / f"{name}.yaml"
    return validated(Dataset, read_yaml(path), str(path))


def known_datasets(folder: Path = DATASETS) -> list[str]:
    """Names of all datasets described in the catalogue."""
    return sorted(path.stem for path in folder.glob("*.yaml"))


def pins_path(name: str, folder: Path = DATASETS) -> Path:
    """The file that holds a dataset's pins."""
    return folder / f"{name}.tsv"


def read_pins(name: str, folder: Path = DATASETS) -> list[Shard]:
    """The pinned shards in catalogue order. Raises ConfigError for a missing, damaged or empty pin file."""
    path = pins_path(name, folder)
    if not path.is_file():
        raise ConfigError(f"{path}: dataset {name} is not pinned: run `python scripts/pin_dataset.py {name}`")
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.reader(file, delimiter="\t"))
    header = [field.name for field in fields(Shard)]
    remedy = f"pin the dataset again: `python scripts/pin_dataset.py {name}`"
    if not lines or lines[0] != header:
        raise ConfigError(f"{path}: line 1: the columns must be {', '.join(header)}; {remedy}")
    shards = []
    for number, line in enumerate(lines[1:], start=2):
        try:
            shard, raw, size, rows, sha256 = line
            shards.append(Shard(shard, raw, int(size), int(rows), sha256))
        except ValueError:
            raise ConfigError(f"{path}: line {number}: not a pinned shard: {line}; {remedy}") from None
        if len(sha256) != 64:
            raise ConfigError(f"{path}: line {number}: not a SHA-256: {sha256!r}; {remedy}")
    names = [shard.name for shard in shards]
    if not shards:
        raise ConfigError(f"{path}: no shards; {remedy}")
    if repeated := sorted({name for name in names if names.count(name) > 1}) if len(set(names)) < len(names) else []:
        raise ConfigError(f"{path}: shard {repeated[0]} is listed more than once; {remedy}")
    return shards


def write_pins(path: Path, shards: Sequence[Shard]) -> None:
    """Write the pins, sorted by name, one shard a line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, delimiter="\t", lineterminator="\n")
        writer.writerow(field.name for field in fields(Shard))
        writer.writerows(astuple(shard) for shard in sorted(shards, key=lambda shard: shard.name))


def sampled(shards: Sequence[Shard], rows: int) -> list[tuple[Shard, int]]:
    """
    The first rows of a dataset in catalogue order, as (shard, rows to read of it); rows 0 means all of them.

    Shards that the sample does not reach are left out.
    """
    if rows == 0:
        return [(shard, shard.rows) for shard in shards]
    chosen, left = [], rows
    for shard in shards:
        if left > 0 and shard.rows > 0:
            chosen.append((shard, min(left, shard.rows)))
            left -= shard.rows
    return chosen
