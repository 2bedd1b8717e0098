"""Short pairs are read as one, so that each document of each pair is read."""

from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nano3.sampling.interleave import Numbers
from nano3.sampling.pools import Pools, pool_begins
from nano3.sampling.streams import Stream, ranges, skipped_tokens

PAIRS = st.lists(st.lists(st.integers(1, 60), min_size=1, max_size=8), min_size=1, max_size=12)  # documents of each
BLOCKS = st.integers(1, 200)
SEED = 7


def pools_of(pairs: list[list[int]], block: int) -> Pools:
    """Pools of pairs, which are given by the lengths of their documents."""
    tokens = [sum(lengths) for lengths in pairs]
    return Pools.of(np.array([len(each) for each in pairs]), np.array(tokens), np.array(pool_begins(tokens, block)))


def offsets_of(pairs: list[list[int]], pools: Pools, pool: int) -> Numbers:
    """Where a pool's documents begin, in catalogue order."""
    begin, end = pools.begins[pool : pool + 2]
    return np.cumsum([0, *(length for lengths in pairs[begin:end] for length in lengths)])


@pytest.mark.parametrize(
    ("tokens", "block", "begins"),
    [
        ([101, 500, 101], 100, [0, 1, 2, 3]),  # long pairs: each alone
        ([60, 60, 60, 60], 100, [0, 2, 4]),
        ([60, 60, 60], 100, [0, 3]),  # the last one joins the pool before it
        ([500, 3, 4], 100, [0, 3]),
        ([3, 500, 500], 100, [0, 2, 3]),  # a short pair takes the long one after it
        ([100, 101], 100, [0, 2]),  # a whole block has no label after it: not yet a pool
        ([5, 6], 100, [0, 2]),  # a dataset that is shorter than a block
        ([7], 100, [0, 1]),
    ],
)
def test_pairs_are_collected_until_they_hold_more_than_a_block(
    tokens: list[int], block: int, begins: list[int]
) -> None:
    assert pool_begins(tokens, block) == begins


@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), BLOCKS)
def test_each_pair_is_in_one_pool_and_each_pool_of_a_large_dataset_has_a_whole_block(
    tokens: list[int], block: int
) -> None:
    begins = pool_begins(tokens, block)
    assert begins == sorted(set(begins))
    assert (begins[0], begins[-1]) == (0, len(tokens))
    held = [sum(tokens[begin:end]) for begin, end in pairwise(begins)]
    assert all(count > block for count in held) or len(held) == 1


@given(st.lists(st.integers(1, 300), min_size=1, max_size=40), st.integers(1, 300), BLOCKS)
def test_an_appended_pair_changes_the_last_pool_alone(tokens: list[int], appended: int, block: int) -> None:
    before, after = pool_begins(tokens, block), pool_begins([*tokens, appended], block)
    assert after[: len(before) - 1] == before[:-1]


@given(PAIRS, BLOCKS)
def test_documents_of_a_pool_are_those_of_its_pairs_in_order(pairs: list[list[int]], block: int) -> None:
    pools = pools_of(pairs, block)
    listed = [
        pools.document(pool, number)
        for pool, count in enumerate(pools.document_counts.tolist())
        for number in range(count)
    ]
    assert listed == [(pair, document) for pair, lengths in enumerate(pairs) for document in range(len(lengths))]
    numbers = [pools.number(*where) for where in listed]
    assert numbers == [
        (pool, number) for pool, count in enumerate(pools.document_counts.tolist()) for number in range(count)
    ]
    assert pools.tokens.sum() == sum(map(sum, pairs))


def epoch_places(tokens: Numbers, block: int, length: int) -> list[tuple[int, int]]:
    """Pool and first token of each sample of the first epoch."""
    stream = Stream(tokens, SEED, [], length, block)
    samples = (int(tokens.sum()) - skipped_tokens(tokens, block, length)) // length
    places = stream.at(0, samples + 1)
    assert places.epochs.tolist() == [0] * samples + [1]  # what is not skipped is the whole epoch
    return list(zip(places.pools.tolist(), places.begins.tolist(), strict=True))[:-1]


@settings(max_examples=150, deadline=None)
@given(PAIRS, BLOCKS, st.data())
def test_every_document_is_read_once_in_an_epoch_but_for_the_ends_of_blocks(
    pairs: list[list[int]], block: int, data: st.DataObject
) -> None:
    pools = pools_of(pairs, block)
    length = data.draw(st.integers(1, min(block, max(1, int(pools.tokens.sum()) - 1))))
    if pools.tokens.sum() <= length:
        return  # shorter than a sample
    read: dict[tuple[int, int], list[int]] = {}  # of a document of a pair, its tokens that were read
    for pool, begin in epoch_places(pools.tokens, block, length):
        for number, token, tokens in ranges(offsets_of(pairs, pools, pool), begin, length):
            read.setdefault(pools.document(pool, number), []).extend(range(token, token + tokens))
    assert all(len(tokens) == len(set(tokens)) for tokens in read.values())
    missed = sum(map(sum, pairs)) - sum(map(len, read.values()))
    assert missed == skipped_tokens(pools.tokens, block, length)
    blocks = sum(max(1, -(-(int(tokens) - 1) // block)) for tokens in pools.tokens)
    assert missed <= blocks * (length - 1) + len(pools.tokens)  # the last token of a pool is only a label


@settings(max_examples=100, deadline=None)
@given(PAIRS, st.integers(40, 200), st.integers(1, 40), st.integers(1, 300))
def test_an_appended_pair_leaves_the_samples_of_earlier_pools(
    pairs: list[list[int]], block: int, length: int, appended: int
) -> None:
    before, after = pools_of(pairs, block), pools_of([*pairs, [appended]], block)
    if before.tokens.sum() <= length:
        return
    last = len(before.tokens) - 1

    def places(pools: Pools) -> list[tuple[int, int]]:
        return sorted(place for place in epoch_places(pools.tokens, block, length) if place[0] < last)

    assert places(before) == places(after)


def test_short_shards_beside_a_long_one_are_all_read_within_an_epoch() -> None:
    pairs = [[100] * 100, *([15] for _ in range(50))]  # each of the short ones is shorter than a sample of 16
    pools = pools_of(pairs, 64)
    read: set[int] = set()
    for pool, begin in epoch_places(pools.tokens, 64, 16):
        for number, _, _ in ranges(offsets_of(pairs, pools, pool), begin, 16):
            read.add(pools.document(pool, number)[0])
    assert read == set(range(51))


def test_a_dataset_of_one_short_document_a_shard_is_read() -> None:
    pairs = [[5] for _ in range(1000)]
    pools = pools_of(pairs, 160)
    read: set[Any] = set()
    for pool, begin in epoch_places(pools.tokens, 160, 16):
        for number, _, _ in ranges(offsets_of(pairs, pools, pool), begin, 16):
            read.add(pools.document(pool, number)[0])
    assert len(read) >= 1000 - 4 * len(pools.tokens)  # at most 15 tokens of a block are skipped


@settings(max_examples=100, deadline=None)
@given(PAIRS, BLOCKS, st.data())
def test_a_document_leads_to_the_samples_that_hold_some_of_it_and_to_no_other(
    pairs: list[list[int]], block: int, data: st.DataObject
) -> None:
    pools = pools_of(pairs, block)
    length = data.draw(st.integers(1, block))
    if pools.tokens.sum() <= length:
        return
    held: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for sample, (pool, begin) in enumerate(epoch_places(pools.tokens, block, length)):
        for number, _, _ in ranges(offsets_of(pairs, pools, pool), begin, length):
            held.setdefault(pools.document(pool, number), []).append((sample, begin))
    stream = Stream(pools.tokens, SEED, [], length, block)
    for pair, lengths in enumerate(pairs):
        for document in range(len(lengths)):
            pool, number = pools.number(pair, document)
            begin, end = offsets_of(pairs, pools, pool)[number : number + 2].tolist()
            assert sorted(stream.holding(0, pool, begin, end)) == sorted(held.get((pair, document), []))
