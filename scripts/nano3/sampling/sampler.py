"""
What a segment draws: from which dataset, and from where in it, each of its samples comes.

Its phase mixes datasets by their shares, and of each dataset takes the next samples of the stream. Both are formulas
(nano3.sampling.interleave, nano3.sampling.streams), so any sample can be asked for alone, and a document can be asked
where it went.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from nano3.artifact.steps import RealizedMixture, SegmentData
from nano3.sampling.interleave import Interleaving, Numbers
from nano3.sampling.streams import Stream, consumed_after

ALLOWED_SAMPLES = 8  # that a dataset may be off its share at the end of a segment; up to 4.3 was found for 30 datasets
ConsumedByDataset = Mapping[str, list[list[int]]]  # by dataset; see nano3.sampling.streams


@dataclass(frozen=True)
class SamplePlace:
    """Where a sample is: dataset, epoch, number of the pair among the dataset's, first token in that pair's epoch."""

    dataset: str
    epoch: int
    pair: int
    begin: int


class SegmentSampler:
    """
    A segment's samples, 0 being its first.

    data: of the segment's spec. length: tokens of a sample. seed: of the training. tokens: of each dataset's pairs,
    shape [pairs]. Raises StreamError if a dataset's pairs are shorter than a sample.
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
        """Where the samples from number first on are."""
        sources, numbers = self._mix.at(self._first + first, count)
        out: list[Any] = [None] * count
        for source, (name, stream) in enumerate(zip(self.datasets, self._streams, strict=True)):
            mine = np.flatnonzero(sources == source)
            if len(mine):  # a source's numbers follow each other
                found = stream.at(int(numbers[mine[0]] - self._before[source]), len(mine))
                columns = (found.epochs.tolist(), found.pairs.tolist(), found.begins.tolist())
                for place, *where in zip(mine.tolist(), *columns, strict=True):
                    out[place] = SamplePlace(name, *where)
        return out

    def holding(self, place: SamplePlace, end: int) -> list[tuple[int, int]]:
        """Samples that hold tokens from a place up to end, as number and token where it begins."""
        source = self.datasets.index(place.dataset)
        found = self._streams[source].holding(place.epoch, place.pair, place.begin, end)
        before = int(self._before[source])
        return [(self._mix.number(source, before + number) - int(self._first), begin) for number, begin in found]

    def epochs(self, count: int) -> dict[str, tuple[int, int]]:
        """The first and the last epoch of each dataset that the first `count` samples read."""
        drawn = self._mix.counts(self._first + count) - self._before
        reached = {}
        for name, stream, samples in zip(self.datasets, self._streams, drawn.tolist(), strict=True):
            if samples:
                reached[name] = (int(stream.at(0, 1).epochs[0]), int(stream.at(samples - 1, 1).epochs[0]))
        return reached


def mixing(shares: Mapping[str, float], seed: int) -> Interleaving:
    """The datasets of a phase, by number, in one order."""
    return Interleaving.of_shares([shares[name] for name in sorted(shares)], [seed])


def consumed_samples(shares: Mapping[str, float], seed: int, first: int, count: int) -> dict[str, int]:
    """Samples of each dataset among `count` samples of a phase from number first on. shares: none if nobody knows."""
    if not shares:
        return {}
    mix = mixing(shares, seed)
    return dict(zip(sorted(shares), (mix.counts(first + count) - mix.counts(first)).tolist(), strict=True))


def consumed_with(taken: ConsumedByDataset, samples: Mapping[str, int], length: int) -> dict[str, list[list[int]]]:
    """What has been taken of each dataset's stream, with these samples more."""
    more = {name: consumed_after(taken.get(name, []), length, count) for name, count in samples.items()}
    return dict(sorted({**taken, **more}.items()))


def realized(shares: Mapping[str, float], samples: Mapping[str, int]) -> RealizedMixture:
    """
    The mixture that was read beside the one that was asked for. samples: of each dataset, as read. Rounding explains
    ALLOWED_SAMPLES of all samples.
    """
    total = sum(samples.values())
    off = {name: abs(samples[name] / total - share) for name, share in shares.items()}
    allowed = ALLOWED_SAMPLES / total
    return RealizedMixture(dict(shares), dict(samples), max(off.values()), allowed)
