from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nano3.sampling.sampler import ALLOWED_SAMPLES, SegmentSampler, consumed_samples, consumed_with, realized

TOKENS = {"a": np.array([900, 300]), "b": np.array([500]), "c": np.array([70, 1200, 45])}
SHARES = st.lists(st.floats(0.01, 10), min_size=3, max_size=3)
SEGMENTS = st.lists(st.tuples(st.integers(0, 1), st.sampled_from([8, 32]), st.integers(1, 60)), min_size=1, max_size=5)


def segments(phases: list[dict[str, float]], plan: list[tuple[int, int, int]], seed: int) -> list[dict[str, Any]]:
    """Data of the specs of segments (phase, tokens per sample, samples), as nano3.training.spec writes it."""
    consumed: dict[str, list[list[int]]] = {}
    out, first = [], [0, 0]
    for phase, length, count in plan:
        shares = phases[phase]
        data = {"shares": shares, "block_tokens": 64, "first_sample": first[phase], "consumed": dict(consumed)}
        out.append({"data": data, "length": length, "count": count})
        consumed = consumed_with(consumed, consumed_samples(shares, seed, first[phase], count), length)
        first[phase] += count
    return out


@settings(max_examples=60, deadline=None)
@given(SHARES, SHARES, SEGMENTS, st.integers(0, 2**31))
def test_no_token_is_read_twice_in_an_epoch_over_all_phases(
    one: list[float], other: list[float], plan: list[tuple[int, int, int]], seed: int
) -> None:
    phases = [dict(zip(TOKENS, shares, strict=True)) for shares in (one, other)]
    consumed: dict[tuple[str, int, int], set[int]] = {}
    for segment in segments(phases, sorted(plan), seed):
        sampler = SegmentSampler(segment["data"], segment["length"], seed, TOKENS)
        places = sampler.at(0, segment["count"])
        for number, place in enumerate(places):
            tokens = set(range(place.begin, place.begin + segment["length"]))
            assert not tokens & consumed.setdefault((place.dataset, place.epoch, place.pool), set())
            consumed[place.dataset, place.epoch, place.pool] |= tokens
            assert sampler.holding(place, place.begin + segment["length"]) == [(number, place.begin)]
        epochs = sampler.epochs(segment["count"])
        for name, (low, high) in epochs.items():
            assert {place.epoch for place in places if place.dataset == name} <= set(range(low, high + 1))
        assert {place.dataset for place in places} == set(epochs)


@settings(max_examples=60, deadline=None)
@given(SHARES, SHARES, SHARES, st.integers(0, 2**31))
def test_what_a_later_phase_does_changes_nothing_before_it(
    one: list[float], other: list[float], another: list[float], seed: int
) -> None:
    first, second, third = (dict(zip(TOKENS, shares, strict=True)) for shares in (one, other, another))
    plan = [(0, 8, 40), (0, 32, 10), (1, 8, 30)]
    before, after = segments([first, second], plan, seed), segments([first, third], [*plan, (1, 32, 9)], seed)
    assert before[:2] == after[:2]
    assert before[2]["data"]["consumed"] == after[2]["data"]["consumed"]


@settings(deadline=None)
@given(SHARES, st.integers(0, 10**6), st.integers(1, 10**6), st.integers(0, 2**31))
def test_the_consumed_mixture_is_the_target_within_the_bound(
    shares: list[float], first: int, count: int, seed: int
) -> None:
    mixture = {name: share / sum(shares) for name, share in zip("abc", shares, strict=True)}
    mix = realized(mixture, consumed_samples(mixture, seed, first, count))
    assert sum(mix.samples.values()) == count
    assert mix.largest_deviation <= mix.allowed == ALLOWED_SAMPLES / count
