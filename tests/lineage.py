"""A finished training with its lineage; receipts.py does without the libraries of provenance."""

from nano3.provenance.prov import write_lineage
from tests.receipts import CRATE, EXPORT, LINEAGE, REPORT, SHARDS, training


def build(datasets: list[str], shards: int = 2) -> None:
    """All receipts of a training on these datasets, and its lineage."""
    training(datasets, shards)
    write_lineage(EXPORT, {"code": "c"}, LINEAGE, SHARDS, CRATE, REPORT / "lineage.receipt.json")
