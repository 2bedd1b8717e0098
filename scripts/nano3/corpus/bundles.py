"""
Which stale shards share a job? A bundle is an interval of the catalogue whose stale shards one process tokenizes.

Starting a process takes longer than tokenizing a small shard, and planning 100,000 jobs takes longer than a user waits.
A few stale shards stay jobs of their own. Fresh shards inside a bundle are skipped, so an interrupted bundle resumes
where it stopped, on any machine.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nano3.raw.datasets import Shard

ALONE = 32  # up to so many stale shards of a dataset are jobs of their own
FEWEST = 8  # bundles, so that cores and nodes can share the work
BUNDLE_BYTES = 2**30  # about half a minute of work


@dataclass(frozen=True)
class Bundle:
    """Shards number begin to end - 1 of a dataset, in catalogue order."""

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
    """Raw bytes of a bundle, such that all stale shards of a recipe make about `most` bundles or fewer."""
    total = sum(shard.bytes for shard in stale)
    return -(-total // min(most, max(FEWEST, total // BUNDLE_BYTES)))


def bundle_shards(shards: Mapping[str, Shard], stale: Mapping[str, str], size: int) -> list[Bundle]:
    """
    Bundles of about `size` raw bytes that hold all stale shards of a dataset; none if there are few.

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
