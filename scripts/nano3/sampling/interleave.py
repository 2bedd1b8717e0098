"""
One order for the samples of several sources, in which each source is spread evenly.

Which source is sample number i of, and the how-manieth of it? Answered for any i without an index of all samples: the
order is cut into slices, how many samples of each source lie before a slice is a formula, and inside a slice the
samples are sorted by where they would lie if each source were spread evenly over it. So an order over a trillion
samples takes no memory, only goes on when more are asked for, and can be entered anywhere.

Datasets are mixed so in a phase, and pairs in an epoch of a dataset. Megatron-Core's blending indices do the same with
arrays of all samples, in time that grows with samples times sources.
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

    rates: samples of each source in a slice, shape [sources], of any positive size. sizes: how many samples each has,
    shape [sources]; None: they are endless. Two with the same arguments are the same order.
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
        """Every sample of sources with these many, once."""
        slices = max(1, -(-int(sizes.sum()) // SLICE))
        return cls(sizes / slices, sizes, seed)

    def at(self, first: int, count: int) -> tuple[Numbers, Numbers]:
        """The samples from number first on: the source of each and its number there, both of shape [count]."""
        sources, numbers = [], []
        while count > 0:
            place = self._slice_of(first)
            begin = first - self._total(place)
            slice_sources, slice_numbers = (part[begin : begin + count] for part in self._slice(place))
            sources.append(slice_sources)
            numbers.append(slice_numbers)
            first, count = first + len(slice_sources), count - len(slice_sources)
        none = np.zeros(0, dtype=np.int64)
        return np.concatenate([none, *sources]), np.concatenate([none, *numbers])

    def counts(self, samples: int) -> Numbers:
        """Samples of each source among the first ones, shape [sources]."""
        place = self._slice_of(samples)
        within = self._slice(place)[0][: samples - self._total(place)]
        return self._before(place) + np.bincount(within, minlength=len(self._rates))

    def number(self, source: int, sample: int) -> int:
        """The other direction of at: where a source's sample lies."""

        def before(place: int) -> int:
            return int(self._before(place)[source])

        place = _last(lambda place: before(place) <= sample, self._slice_guess(sample / self._rates[source]))
        mine = np.flatnonzero(self._slice(place)[0] == source)
        return self._total(place) + int(mine[sample - before(place)])

    def _before(self, place: int) -> Numbers:
        """Samples of each source before a slice, shape [sources]; never fewer before a later one."""
        passed = np.floor(self._rates * place + self._shift).astype(np.int64)
        if self._sizes is None:
            return passed
        return self._sizes if place >= self._slices else np.minimum(passed, self._sizes)

    @property
    def _slices(self) -> int:
        """Slices of finite sources."""
        assert self._sizes is not None
        return max(1, -(-int(self._sizes.sum()) // SLICE))

    def _total(self, place: int) -> int:
        return int(self._before(place).sum())

    def _slice_of(self, sample: int) -> int:
        """The slice that a sample lies in; of finite sources the last one for what lies behind the end."""
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
    """The last number from 0 on for which something holds that holds for 0 and, once it does not, never again."""
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
    """Numbers from 0 to 1 without 1; numpy promises that RandomState's are the same in all versions."""
    return np.random.RandomState(np.array(seed, dtype=np.uint32)).random_sample(count)
