from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nano3.sampling.interleave import Numbers
from nano3.sampling.streams import Stream, StreamError, consumed_after, merged, pool_seed, ranges, skipped_tokens

TOKENS = st.lists(st.integers(0, 200), min_size=1, max_size=6).filter(lambda tokens: max(tokens) > 40)
CONSUMED = st.lists(st.tuples(st.sampled_from([3, 8, 40]), st.integers(0, 60)), min_size=1, max_size=6)
BLOCKS = st.sampled_from([40, 80, 97, 1000])
SEEDS = st.integers(0, 2**32 - 1)


def read(tokens: list[int], consumed: list[tuple[int, int]], seed: int, block: int) -> list[tuple[int, int, int, int]]:
    """
    Epoch, pool, begin and length of every sample, as successive segments would consume them.
    """
    out = []
    for place, (length, samples) in enumerate(consumed):
        places = Stream(np.array(tokens), seed, consumed[:place], length, block).at(0, samples)
        columns = (places.epochs.tolist(), places.pools.tolist(), places.begins.tolist())
        out += [(*where, length) for where in zip(*columns, strict=True)]
    return out


@settings(max_examples=200, deadline=None)
@given(TOKENS, CONSUMED, SEEDS, BLOCKS)
def test_no_token_is_repeated_in_an_epoch_for_any_sequence_lengths(
    tokens: list[int], consumed: list[tuple[int, int]], seed: int, block: int
) -> None:
    samples = read(tokens, consumed, seed, block)
    epochs = [epoch for epoch, *_ in samples]
    assert epochs == sorted(epochs)
    by_block: dict[tuple[int, int, int], list[tuple[int, int]]] = {}
    for epoch, pool, begin, length in samples:
        by_block.setdefault((epoch, pool, begin // block), []).append((begin, begin + length))
    for (_, pool, number), stretches in by_block.items():
        assert all(end == begin for (_, end), (begin, _) in pairwise(stretches))  # without a gap, too
        assert stretches[0][0] == number * block
        assert stretches[-1][1] <= min((number + 1) * block, tokens[pool] - 1)


@settings(max_examples=200, deadline=None)
@given(TOKENS, CONSUMED, SEEDS, BLOCKS)
def test_an_epoch_ends_only_when_no_pool_has_a_sample_left(
    tokens: list[int], consumed: list[tuple[int, int]], seed: int, block: int
) -> None:
    ends: dict[int, dict[tuple[int, int], int]] = {}
    last = 0
    for epoch, pool, begin, length in read(tokens, consumed, seed, block):
        if epoch > last:
            assert epoch == last + 1
            for number, size in enumerate(tokens):
                for start in range(0, size, block):
                    end = ends.get(last, {}).get((number, start), start)
                    assert min(start + block, size - 1) - end < length
            last = epoch
        ends.setdefault(epoch, {})[pool, begin // block * block] = begin + length


@settings(max_examples=100, deadline=None)
@given(TOKENS, CONSUMED, SEEDS, BLOCKS, st.data())
def test_splitting_an_entry_changes_nothing(
    tokens: list[int], consumed: list[tuple[int, int]], seed: int, block: int, data: st.DataObject
) -> None:
    place = data.draw(st.integers(0, len(consumed) - 1))
    length, samples = consumed[place]
    part = data.draw(st.integers(0, samples))
    cut = [*consumed[:place], (length, part), (length, samples - part), *consumed[place + 1 :]]
    assert read(tokens, cut, seed, block) == read(tokens, consumed, seed, block)


@settings(max_examples=100, deadline=None)
@given(TOKENS, CONSUMED, SEEDS, BLOCKS, st.integers(0, 200), st.integers(1, 90))
def test_a_stretch_of_tokens_leads_to_all_samples_that_hold_some_of_it(
    tokens: list[int], consumed: list[tuple[int, int]], seed: int, block: int, begin: int, count: int
) -> None:
    *earlier, (length, _) = consumed
    stream = Stream(np.array(tokens), seed, earlier, length, block)
    places = stream.at(0, 120)
    columns = zip(places.epochs.tolist(), places.pools.tolist(), places.begins.tolist(), strict=True)
    expected: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for number, (epoch, pool, start) in enumerate(columns):
        if start < begin + count and begin < start + length:
            expected.setdefault((epoch, pool), []).append((number, start))
    for (epoch, pool), samples in expected.items():
        matches = [each for each in stream.holding(epoch, pool, begin, begin + count) if each[0] < 120]
        assert matches == sorted(samples, key=lambda sample: sample[1])


def test_a_token_that_was_read_before_is_in_no_sample() -> None:
    stream = Stream(np.array([100]), 1, [(10, 3)], 10, 1000)
    assert stream.holding(0, 0, 25, 30) == []
    assert stream.holding(0, 0, 25, 31) == [(0, 30)]
    assert stream.holding(0, 0, 95, 100) == []  # the last tokens are shorter than a sample
    assert stream.holding(1, 0, 0, 1) == [(6, 0)]


def test_a_dataset_that_is_too_short_is_named_with_the_remedy() -> None:
    with pytest.raises(
        StreamError, match=r"^code: has 107 tokens, and one sample of 100 needs 101: lower the sequence"
    ):
        Stream(np.array([100, 7]), 1, [], 100, 1000, "code")


def test_adjacent_entries_of_one_length_are_merged() -> None:
    assert merged([(8, 3), (8, 2), (4, 0), (8, 1), (16, 2)]) == [(8, 6), (16, 2)]
    assert consumed_after([[8, 3]], 8, 2) == [[8, 5]]
    assert consumed_after([[8, 3]], 16, 0) == [[8, 3]]


def test_a_stretch_runs_through_documents_and_skips_empty_ones() -> None:
    offsets: Numbers = np.array([0, 5, 5, 9, 20])
    assert list(ranges(offsets, 3, 4)) == [(0, 3, 2), (2, 0, 2)]
    assert list(ranges(offsets, 5, 4)) == [(2, 0, 4)]
    assert list(ranges(offsets, 19, 1)) == [(3, 10, 1)]


def test_skipped_are_the_ends_of_blocks_and_the_last_label_of_each_pool() -> None:
    assert skipped_tokens(np.array([101]), 50, 50) == 1
    assert skipped_tokens(np.array([101]), 50, 25) == 1
    assert skipped_tokens(np.array([101, 90]), 50, 20) == 2 * 10 + 1 + 10 + 19 + 1
    assert skipped_tokens(np.array([20]), 50, 20) == 20


def test_a_pools_order_depends_on_its_pairs_alone_and_a_single_pairs_is_that_of_the_pair() -> None:
    assert pool_seed(1, ["a", "b"], 0) == pool_seed(1, ("a", "b"), 0)
    assert len({pool_seed(1, ["a"], 0), pool_seed(1, ["a", "b"], 0), pool_seed(1, ["b", "a"], 0)}) == 3
    assert len({pool_seed(1, ["a"], 0), pool_seed(2, ["a"], 0), pool_seed(1, ["a"], 1)}) == 3
    assert pool_seed(7, ["0" * 64], 3) == 25114205  # as that of a pair was: orders of long pairs stay
