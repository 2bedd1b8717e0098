"""A finished training with its lineage; receipts.py does without the libraries of provenance."""

import shutil
from pathlib import Path

from nano3.provenance.prov import write_lineage
from tests.receipts import CRATE, EXPORT, LINEAGE, REPORT, SHARDS, training

BEFORE = Path("before")


def build(datasets: list[str], shards: int = 2) -> None:
    """All receipts of a training on these datasets, and its lineage."""
    training(datasets, shards)
    write_lineage(EXPORT, {"code": "c"}, LINEAGE, SHARDS, CRATE, REPORT / "lineage.receipt.json")


def build_twice(datasets: list[str], shards: int) -> None:
    """A training in BEFORE, and one in results whose receipts point at each other as the first's do."""
    build(datasets, shards)
    shutil.move("results", BEFORE)
    for path in BEFORE.rglob("*.json"):
        path.write_text(path.read_text().replace('"results/', f'"{BEFORE}/'))
    build(datasets, shards)
