"""
In one order that spreads several sources evenly, which source is sample i of, and which of its samples is it?

The answer needs no index of all samples. The order is cut into slices, a formula counts the samples of each source
before a slice, and inside a slice samples are sorted by where they would lie if each source were spread evenly over it.
So an order over a trillion samples takes no memory, stays the same when it gets longer, and can be entered anywhere.

A phase interleaves its datasets this way, an epoch of a dataset its shuffle blocks. Megatron-Core's blending indices do
the same with arrays of all samples, in time that grows with samples times sources.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.int64]
SLICE = 2**16  # samples, about


class Interleaving:
    """
    Sources by number, in one order.

    rates: samples of each source in a slice, shape [sources], any positive numbers. sizes: samples of each source,
    shape [sources]; None: endless. The same arguments give the same order.
    """

    def __init__(self, rates: npt.NDArray[np.float64], sizes: Numbers | None, seed: Sequence[int]) -> None:
        self._rates, self._sizes, self._seed = rates, sizes, list(seed)
        self._shift = _uniform(self._seed, len(rates))
        self._slice = lru_cache(maxsize=4)(self._sorted)

    @classmethod
    def of_shares(cls, shares: Sequence[float], seed: Sequence[int]) -> "Interleaving":
        """Endless sources, in proportion to shares of any positive scale."""
        fractions = np.asarray(shares, dtype=np.float64)
        return cls(fractions / fractions.sum() * SLICE, None, seed)

    @classmethod
    def of_sizes(cls, sizes: Numbers, seed: Sequence[int]) -> "Interleaving":
        """Every sample of finite sources, once. sizes: samples of each, shape [sources]."""
        slices = max(1, -(-int(sizes.sum()) // SLICE))
        return cls(sizes / slices, sizes, seed)

    def at(self, first: int, count: int) -> tuple[Numbers, Numbers]:
        """Source of each sample from number first on, and its number there, both of shape [count]."""
        sources, numbers = [], []
        while count > 0:
            place = self._slice_of(first)
            begin = first - self._total(place)
            slice_sources, slice_numbers = (part[begin : begin + count] for part in self._slice(place))
            sources.append(slice_sources)
            numbers.append(slice_numbers)
            first, count = first + len(slice_sources), count - len(slice_sources)
        empty = np.zeros(0, dtype=np.int64)
        return np.concatenate([empty, *sources]), np.concatenate([empty, *numbers])

    def counts(self, samples: int) -> Numbers:
        """How many of the first samples each source has, shape [sources]."""
        place = self._slice_of(samples)
        within = self._slice(place)[0][: samples - self._total(place)]
        return self._before(place) + np.bincount(within, minlength=len(self._rates))

    def number(self, source: int, sample: int) -> int:
        """The inverse of at: the number in this order of a source's sample."""

        def before(place: int) -> int:
            return int(self._before(place)[source])

        place = _last(lambda place: before(place) <= sample, self._slice_guess(sample / self._rates[source]))
        positions = np.flatnonzero(self._slice(place)[0] == source)
        return self._total(place) + int(positions[sample - before(place)])

    def _before(self, place: int) -> Numbers:
        """Samples of each source before a slice, shape [sources]; they never decrease."""
        counts = np.floor(self._rates * place + self._shift).astype(np.int64)
        if self._sizes is None:
            return counts
        return self._sizes if place >= self._slices else np.minimum(counts, self._sizes)

    @property
    def _slices(self) -> int:
        """Slices of finite sources."""
        assert self._sizes is not None
        return max(1, -(-int(self._sizes.sum()) // SLICE))

    def _total(self, place: int) -> int:
        return int(self._before(place).sum())

    def _slice_of(self, sample: int) -> int:
        """The slice of a sample; beyond the end of finite sources, the number of slices."""
        if self._sizes is not None and sample >= self._sizes.sum():
            return self._slices
        return _last(lambda place: self._total(place) <= sample, self._slice_guess(sample / self._rates.sum()))

    def _slice_guess(self, slices: float) -> int:
        return int(slices) if self._sizes is None else min(int(slices), self._slices - 1)

    def _sorted(self, place: int) -> tuple[Numbers, Numbers]:
        """A slice's samples in order: source and number of each."""
        before = self._before(place)
        counts = self._before(place + 1) - before
        sources = np.repeat(np.arange(len(counts)), counts)
        within = np.arange(len(sources)) - np.repeat(np.cumsum(counts) - counts, counts)
        shift = _uniform([*self._seed, place + 1], len(counts))
        order = np.argsort((within + shift[sources]) / counts[sources], kind="stable")
        return sources[order], (before[sources] + within)[order]


def _last(holds: Callable[[int], bool], guess: int) -> int:
    """The largest number for which `holds` is true: it is true from 0 up to there, and never again."""
    step, low, high = 1, guess, guess
    while low > 0 and not holds(low):
        low, step = max(0, low - step), 2 * step
    high, step = max(high, low) + 1, 1
    while holds(high):
        low, high, step = high, high + step, 2 * step
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return low


def _uniform(seed: Sequence[int], count: int) -> npt.NDArray[np.float64]:
    """Numbers in [0, 1); numpy guarantees that RandomState's are the same in all versions."""
    return np.random.RandomState(np.array(seed, dtype=np.uint32)).random_sample(count)
