import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nano3.sampling import interleave
from nano3.sampling.interleave import Interleaving

SHARES = st.lists(st.floats(0.001, 100), min_size=1, max_size=12)


@pytest.fixture(autouse=True)
def short_slices(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make many slices of few samples."""
    monkeypatch.setattr(interleave, "SLICE", 64)


@settings(max_examples=150, deadline=None)
@given(st.lists(st.integers(0, 300), min_size=1, max_size=12).filter(any), st.integers(0, 2**32 - 1))
def test_an_epoch_has_every_sample_once_and_every_source_in_order(sizes: list[int], seed: int) -> None:
    order = Interleaving.of_sizes(np.array(sizes), [seed])
    sources, numbers = order.at(0, sum(sizes))
    for source, size in enumerate(sizes):
        assert numbers[sources == source].tolist() == list(range(size))


@settings(max_examples=150, deadline=None)
@given(SHARES, st.integers(0, 1000), st.integers(0, 300), st.integers(0, 2**32 - 1))
def test_any_stretch_is_the_stretch_of_the_whole(shares: list[float], first: int, count: int, seed: int) -> None:
    order = Interleaving.of_shares(shares, [seed])
    whole = order.at(0, first + count)
    stretch = Interleaving.of_shares(shares, [seed]).at(first, count)
    for part, everything in zip(stretch, whole, strict=True):
        assert part.tolist() == everything[first:].tolist()
    assert order.counts(first).tolist() == np.bincount(whole[0][:first], minlength=len(shares)).tolist()


@settings(max_examples=150, deadline=None)
@given(SHARES, st.integers(0, 2000), st.integers(0, 2**32 - 1))
def test_a_source_and_its_number_lead_back(shares: list[float], sample: int, seed: int) -> None:
    order = Interleaving.of_shares(shares, [seed])
    (source,), (number,) = order.at(sample, 1)
    assert order.number(int(source), int(number)) == sample


@settings(max_examples=50, deadline=None)
@given(SHARES, st.integers(0, 2**32 - 1))
def test_shares_are_kept_all_the_way(shares: list[float], seed: int) -> None:
    sources, _ = Interleaving.of_shares(shares, [seed]).at(0, 1500)
    fractions = np.array(shares) / sum(shares)
    counts = np.cumsum(sources[:, None] == np.arange(len(shares)), axis=0)
    deviations = np.abs(counts - np.outer(np.arange(1, 1501), fractions))
    assert deviations.max() <= 8


def test_a_trillion_samples_are_entered_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interleave, "SLICE", 2**16)
    order = Interleaving.of_shares([70, 30], [1])
    counts = order.counts(10**12)
    assert counts.sum() == 10**12
    assert abs(counts[0] - 7 * 10**11) <= 2
    assert order.at(10**12, 3)[1].min() >= 3 * 10**11 - 2


def test_another_seed_is_another_order() -> None:
    first, second = (Interleaving.of_shares([1, 1, 1], [seed]).at(0, 100)[0].tolist() for seed in (1, 2))
    assert first != second
