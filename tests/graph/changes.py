"""Kinds of change that people make to a catalogue and a recipe: what the property tests of the plan enumerate."""

import gzip
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from nano3.artifact.digest import digest_file
from nano3.raw.datasets import Shard, read_pins, write_pins

Change = Callable[[Path], None]
RECIPE, DATASETS = Path("config/recipes/tiny.yaml"), Path("config/datasets")
MATH = Path("resources/tiny/math")


def edited(root: Path, file: Path, old: str, new: str, count: int = 1) -> None:
    """Replace a text in a file of a house."""
    text = (root / file).read_text(encoding="utf-8")
    assert old in text, f"{file} has no {old!r}"
    (root / file).write_text(text.replace(old, new, count), encoding="utf-8")


def pinned_shards(root: Path, dataset: str) -> list[Shard]:
    return read_pins(dataset, root / DATASETS)


def pin(root: Path, dataset: str, shards: list[Shard]) -> None:
    write_pins(root / DATASETS / f"{dataset}.tsv", shards)


def as_shard(root: Path, path: Path) -> Shard:
    """A raw file of one row, as pinning would list it."""
    whole = root / path
    rows = gzip.decompress(whole.read_bytes()).count(b"\n")
    return Shard(path.name.removesuffix(".jsonl.gz"), str(path), whole.stat().st_size, rows, digest_file(whole))


def new_shard(root: Path) -> None:
    path = MATH / "set-mm-77.jsonl.gz"
    words = " ".join(f"number {number}" for number in range(2000))
    (root / path).write_bytes(gzip.compress(json.dumps({"text": words}).encode() + b"\n", mtime=0))
    pin(root, "tiny-math", [*pinned_shards(root, "tiny-math"), as_shard(root, path)])


def removed_shard(root: Path) -> None:
    pin(root, "tiny-math", pinned_shards(root, "tiny-math")[:-1])


def renamed_shard(root: Path) -> None:
    """The same bytes under another name, in another place of the catalogue."""
    first, *others = pinned_shards(root, "tiny-code")
    path = Path(first.path).with_name(f"zz-{Path(first.path).name}")
    shutil.copy(root / first.path, root / path)
    pin(root, "tiny-code", [*others, replace(first, name=f"zz-{first.name}", path=str(path))])


def readded_shard(root: Path) -> None:
    """Removed and added again before anything was built: no change at all."""
    before = pinned_shards(root, "tiny-math")
    removed_shard(root)
    pin(root, "tiny-math", before)


def changed_shard(root: Path) -> None:
    path = Path(pinned_shards(root, "tiny-math")[0].path)
    rows = gzip.decompress((root / path).read_bytes()) + b'{"text": "one more"}\n'
    (root / path).write_bytes(gzip.compress(rows, mtime=0))
    pin(root, "tiny-math", [as_shard(root, path), *pinned_shards(root, "tiny-math")[1:]])


def new_dataset(root: Path) -> None:
    """A dataset that only phase2 reads."""
    text = (root / DATASETS / "tiny-math.yaml").read_text(encoding="utf-8")
    (root / DATASETS / "more.yaml").write_text(text, encoding="utf-8")
    pin(root, "more", pinned_shards(root, "tiny-math")[:1])
    edited(root, RECIPE, "tiny-math: 35", "tiny-math: 35\n      more: 1")


def removed_dataset(root: Path) -> None:
    """Out of all phases."""
    edited(root, RECIPE, "      tiny-spanish:", "      # tiny-spanish:", count=9)


def renamed_dataset(root: Path) -> None:
    """The same shards as another dataset, in all phases."""
    for ending in ("yaml", "tsv"):
        shutil.copy(root / DATASETS / f"tiny-english.{ending}", root / DATASETS / f"tiny-novels.{ending}")
    edited(root, RECIPE, "      tiny-english:", "      tiny-novels:", count=9)


def readded_dataset(root: Path) -> None:
    """Taken out and put back before anything was built: no change at all."""
    before = (root / RECIPE).read_text(encoding="utf-8")
    removed_dataset(root)
    (root / RECIPE).write_text(before, encoding="utf-8")


def changed_share(root: Path) -> None:
    edited(root, RECIPE, "tiny-code: 30", "tiny-code: 31")


def changed_curve(root: Path) -> None:
    edited(root, RECIPE, "floor: 3.0e-5", "floor: 2.0e-5")


CHANGES: dict[str, Change] = {
    change.__name__: change
    for change in (
        new_shard,
        removed_shard,
        renamed_shard,
        readded_shard,
        changed_shard,
        new_dataset,
        removed_dataset,
        renamed_dataset,
        readded_dataset,
        changed_share,
        changed_curve,
    )
}
