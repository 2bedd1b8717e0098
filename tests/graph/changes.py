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


def found(root: Path, pattern: str) -> Path:
    (path,) = root.glob(f"results/{pattern}")
    return path


def deleted(name: str, *patterns: str) -> Change:
    def delete(root: Path) -> None:
        paths = [path for pattern in patterns for path in root.glob(f"results/{pattern}")]
        assert paths, name
        for path in paths:
            path.unlink()

    delete.__name__ = name
    return delete


def damaged(name: str, pattern: str) -> Change:
    def damage(root: Path) -> None:
        found(root, pattern).write_text("{", encoding="utf-8")

    damage.__name__ = name
    return damage


# What may happen to a house besides. The datasets are others than those that a shard of is changed, but for one.
FAULTS: dict[str, Change] = {
    fault.__name__: fault
    for fault in (
        deleted("deleted_shard", "tokens/*/tiny-math/*/set-mm-01.*"),
        deleted("deleted_bin", "tokens/*/tiny-math/train/set-mm-01.bin"),
        deleted("deleted_index", "tokens/*/tiny-math/index.json"),
        deleted("deleted_validation", "tokens/*/tiny-code/valid.bin"),
        deleted("deleted_table", "tokens/*/tiny-code/shards.tsv"),
        deleted("deleted_blend", "blends/*/phase2/blend.json"),
        deleted("deleted_segment", "checkpoints/*/phase1/decay/receipt.json"),
        deleted("deleted_metrics", "checkpoints/*/phase1/decay/metrics.jsonl"),
        deleted("deleted_export", "exports/*/receipt.json"),
        deleted("deleted_lineage", "reports/*/lineage.json"),
        damaged("damaged_shard", "tokens/*/tiny-code/train/shard_0001.json"),
        damaged("damaged_index", "tokens/*/tiny-math/index.json"),
        damaged("damaged_blend", "blends/*/phase2/blend.receipt.json"),
        damaged("damaged_segment", "checkpoints/*/phase1/decay/receipt.json"),
        damaged("damaged_export", "exports/*/receipt.json"),
        damaged("damaged_lineage", "reports/*/lineage.receipt.json"),
        damaged("damaged_report", "reports/*/report.receipt.json"),
    )
}
# Faults of an index cache: a dry run can't know that nothing follows, and lists what may.
CACHE_FAULTS: dict[str, Change] = {
    fault.__name__: fault
    for fault in (
        deleted("deleted_cache", "blends/*/phase2/index_cache.json"),
        deleted("deleted_order", "streams/*"),
        damaged("damaged_cache", "blends/*/phase2/index_cache.json"),
    )
}
