"""
Bundles: many stale shards of a dataset become few jobs, each of one process that tokenizes shard after shard.

Why? A process takes longer to start than a small shard takes to tokenize, and planning 100,000 jobs takes longer than
a user waits. A few stale shards stay jobs of their own. A bundle is an interval of the catalogue: fresh shards inside
it are passed over, so a bundle that was interrupted goes on where it stopped, wherever it runs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nano3.raw.datasets import Shard

ALONE = 32  # stale shards of a dataset that are worth a line each in the plan
FEWEST = 8  # so that a machine's cores and a cluster's nodes have something to share
BUNDLE_BYTES = 2**30  # about half a minute of work


@dataclass(frozen=True)
class Bundle:
    """Shards of a dataset in catalogue order, from the one numbered begin up to but without the one numbered end."""

    begin: int
    end: int

    def __str__(self) -> str:
        return f"{self.begin}-{self.end}"

    @classmethod
    def parse(cls, name: str) -> "Bundle":
        """The bundle of this name."""
        begin, end = name.split("-")
        return cls(int(begin), int(end))


def bundle_bytes(stale: Sequence[Shard], most: int) -> int:
    """Raw bytes of a bundle, so that all stale shards of a recipe make at most about `most` bundles."""
    total = sum(shard.bytes for shard in stale)
    return -(-total // min(most, max(FEWEST, total // BUNDLE_BYTES)))


def bundle_shards(shards: Mapping[str, Shard], stale: Mapping[str, str], size: int) -> list[Bundle]:
    """
    Bundles of about `size` raw bytes that hold all stale shards of a dataset; none where they are few.

    shards: all of the dataset by name, in catalogue order. stale: those to tokenize, by name.
    """
    if len(stale) <= ALONE:
        return []
    bundles: list[Bundle] = []
    filled = 0
    for number, (name, shard) in enumerate(shards.items()):
        if name not in stale:
            continue
        if not bundles or filled + shard.bytes > size:
            bundles.append(Bundle(number, number))
            filled = 0
        bundles[-1] = Bundle(bundles[-1].begin, number + 1)
        filled += shard.bytes
    return bundles
