"""
Which pairs are read as one? Short ones that follow each other: they form a pool, and samples are cut from pools.

The pairs of a dataset, in catalogue order, are collected into a pool until it holds more than a shuffle block: a whole
block, and the token after it, which is its last label. A pair that is longer than a block and begins a pool is that
pool alone. Pairs that are left over at the end join the last pool.

So a dataset of one short document a file is read like one of a few long files, and each pool has a sample of any
sequence length, because no sequence is longer than a block. The rule knows no sequence length: training resumes at the
same token with another one. It reads the catalogue from the beginning: an appended shard changes the last pool, or
opens others after it, and leaves those before it as they are.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nano3.sampling.interleave import Numbers
from nano3.sampling.streams import boundaries, skipped_tokens


def pool_begins(tokens: Sequence[int], block: int) -> list[int]:
    """
    The first pair of each pool and, at the end, the number of pairs.

    tokens: of each pair, in catalogue order. block: tokens of a shuffle block.
    """
    begins, held = [0], 0
    for pair, count in enumerate(tokens):
        held += count
        if held > block:
            begins.append(pair + 1)
            held = 0
    if begins[-1] < len(tokens):
        begins = [*(begins[:-1] or [0]), len(tokens)]
    return begins


def skipped_by_length(tokens: Sequence[int], block: int, lengths: Iterable[int]) -> dict[int, int]:
    """
    Tokens of a dataset's epoch that are in no sample, by tokens of a sample.

    tokens: of each pair, in catalogue order. block: tokens of a shuffle block. lengths: tokens of a sample.
    """
    pools = np.add.reduceat(np.asarray(tokens, dtype=np.int64), pool_begins(tokens, block)[:-1])
    return {length: skipped_tokens(pools, block, length) for length in lengths}


@dataclass(frozen=True)
class Pools:
    """
    The pools of a dataset. begins: first pair of each and the number of pairs, shape [pools + 1]. tokens: of each,
    shape [pools]. documents: of all pairs before each pair and in all of them, shape [pairs + 1].
    """

    begins: Numbers
    tokens: Numbers
    documents: Numbers

    @classmethod
    def of(cls, documents: Numbers, tokens: Numbers, begins: Numbers) -> "Pools":
        """documents, tokens: of each pair, shape [pairs]. begins: as pool_begins gives them."""
        return cls(begins, np.diff(boundaries(tokens)[begins]), boundaries(documents))

    @property
    def document_counts(self) -> Numbers:
        """Documents of each pool, shape [pools]."""
        counts: Numbers = np.diff(self.documents[self.begins])
        return counts

    def document(self, pool: int, number: int) -> tuple[int, int]:
        """Pair and document there of a pool's document. number: among the pool's, in catalogue order."""
        whole = int(self.documents[self.begins[pool]]) + number
        pair = int(np.searchsorted(self.documents, whole, side="right")) - 1
        return pair, whole - int(self.documents[pair])

    def number(self, pair: int, document: int) -> tuple[int, int]:
        """The inverse of document: the pool of a pair's document, and its number there."""
        pool = int(np.searchsorted(self.begins, pair, side="right")) - 1
        return pool, int(self.documents[pair]) + document - int(self.documents[self.begins[pool]])
