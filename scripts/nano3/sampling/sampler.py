"""
Which samples does a segment consume? Each comes from a dataset, and from a place in that dataset's stream.

A phase interleaves its datasets by their shares and consumes the next samples of each stream. Both are formulas
(nano3.sampling.interleave, nano3.sampling.streams), so any sample can be located alone, and a document traced to its
samples.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nano3.artifact.steps import RealizedMixture, SegmentData
from nano3.sampling.interleave import Interleaving, Numbers
from nano3.sampling.streams import Stream, consumed_after

ALLOWED_SAMPLES = 8  # that a dataset may deviate from its share at a segment's end; up to 4.3 observed for 30 datasets
ConsumedByDataset = Mapping[str, list[list[int]]]  # by dataset; see nano3.sampling.streams


@dataclass(frozen=True)
class SamplePlace:
    """Where a sample is: dataset, epoch, number of the pool among the dataset's, first token in that pool's epoch."""

    dataset: str
    epoch: int
    pool: int
    begin: int


class SegmentSampler:
    """
    A segment's samples, 0 being its first.

    data: of the segment's spec. length: tokens of a sample. seed: of the training. tokens: of each dataset's pools,
    shape [pools]. Raises StreamError if a dataset is shorter than a sample.
    """

    def __init__(self, data: SegmentData, length: int, seed: int, tokens: Mapping[str, Numbers]) -> None:
        self.datasets = sorted(data["shares"])
        self._first = data["first_sample"]
        self._mix = mixing(data["shares"], seed)
        self._before = self._mix.counts(self._first)
        self._streams = [
            Stream(tokens[name], seed, data["consumed"].get(name, []), length, data["block_tokens"], name)
            for name in self.datasets
        ]

    def at(self, first: int, count: int) -> list[SamplePlace]:
        """Places of the samples from number first on."""
        sources, numbers = self._mix.at(self._first + first, count)
        out: list[Any] = [None] * count
        for source, (name, stream) in enumerate(zip(self.datasets, self._streams, strict=True)):
            indices = np.flatnonzero(sources == source)
            if len(indices):  # a source's numbers are consecutive
                places = stream.at(int(numbers[indices[0]] - self._before[source]), len(indices))
                columns = (places.epochs.tolist(), places.pools.tolist(), places.begins.tolist())
                for index, *place in zip(indices.tolist(), *columns, strict=True):
                    out[index] = SamplePlace(name, *place)
        return out

    def holding(self, place: SamplePlace, end: int) -> list[tuple[int, int]]:
        """Samples that hold tokens from a place up to end, as number and first token."""
        source = self.datasets.index(place.dataset)
        samples = self._streams[source].holding(place.epoch, place.pool, place.begin, end)
        before = int(self._before[source])
        return [(self._mix.number(source, before + number) - int(self._first), begin) for number, begin in samples]

    def epochs(self, count: int) -> dict[str, tuple[int, int]]:
        """The first and the last epoch of each dataset that the first `count` samples read."""
        counts = self._mix.counts(self._first + count) - self._before
        epochs = {}
        for name, stream, samples in zip(self.datasets, self._streams, counts.tolist(), strict=True):
            if samples:
                epochs[name] = (int(stream.at(0, 1).epochs[0]), int(stream.at(samples - 1, 1).epochs[0]))
        return epochs


def mixing(shares: Mapping[str, float], seed: int) -> Interleaving:
    """The order of a phase's datasets, which are numbered by name."""
    return Interleaving.of_shares([shares[name] for name in sorted(shares)], [seed])


def consumed_samples(shares: Mapping[str, float], seed: int, first: int, count: int) -> dict[str, int]:
    """Samples of each dataset among `count` samples of a phase from number first on; none without shares."""
    if not shares:
        return {}
    mix = mixing(shares, seed)
    return dict(zip(sorted(shares), (mix.counts(first + count) - mix.counts(first)).tolist(), strict=True))


def consumed_with(consumed: ConsumedByDataset, samples: Mapping[str, int], length: int) -> dict[str, list[list[int]]]:
    """What is consumed of each dataset's stream after more samples. length: tokens of a sample."""
    more = {name: consumed_after(consumed.get(name, []), length, count) for name, count in samples.items()}
    return dict(sorted({**consumed, **more}.items()))


def realized(shares: Mapping[str, float], samples: Mapping[str, int]) -> RealizedMixture:
    """
    The consumed mixture beside its target. shares: the target. samples: consumed of each dataset. Rounding explains a
    deviation of ALLOWED_SAMPLES.
    """
    total = sum(samples.values())
    deviations = {name: abs(samples[name] / total - share) for name, share in shares.items()}
    allowed = ALLOWED_SAMPLES / total
    return RealizedMixture(dict(shares), dict(samples), max(deviations.values()), allowed)
