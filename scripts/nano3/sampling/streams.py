"""
Which tokens are the n-th sample of a dataset's stream?

A dataset is one endless stream. An epoch is each of its pools once, documents shuffled with a seed of the epoch; a pool
is a long pair or several short ones, see nano3.sampling.pools. A phase consumes the next samples of each stream, so no
token is repeated until all have been seen, over all phases; and a later phase changes nothing that an earlier one
consumed.

An epoch of a pool is cut into shuffle blocks of a fixed number of tokens, and all blocks of all pools are read side by
side, each from its beginning: so a long document, or a shard of one source, is spread over the epoch. The position in a
block is a number of tokens, so another sequence length resumes exactly there: the stream is cut again from that
position, and a long sequence is still whole documents. The end of a block that is shorter than a sample is skipped in
that epoch, as Megatron-Core's GPTDataset skips the end of a pair, and the last token of a pool is only a label;
skipped_tokens counts both. An epoch ends for a sequence length when no block has a sample left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from nano3 import Nano3Error
from nano3.artifact.digest import digest_json
from nano3.sampling.interleave import Interleaving, Numbers

Consumed = Sequence[Sequence[int]]  # [[tokens per sample, samples], ...] in the order of training


class StreamError(Nano3Error):
    """A dataset is shorter than a sample."""


@dataclass(frozen=True)
class Position:
    """How far a stream is consumed: whole epochs, and the tokens of each block in the current one, shape [blocks]."""

    epoch: int
    tokens: Numbers


@dataclass(frozen=True)
class Places:
    """Where samples are: epoch, pool and the token in that pool's epoch where each begins, all of shape [samples]."""

    epochs: Numbers
    pools: Numbers
    begins: Numbers


@dataclass(frozen=True)
class Blocks:
    """
    The shuffle blocks of a dataset's pools. pools: of each block its pool. begins, tokens: where it begins in the
    pool's epoch, and how many tokens samples may begin with or go through, all of shape [blocks]. first: the first
    block of each pool, shape [pools].
    """

    pools: Numbers
    begins: Numbers
    tokens: Numbers
    first: Numbers

    @classmethod
    def of(cls, tokens: Numbers, block: int) -> "Blocks":
        """tokens: of each pool, shape [pools]; the last one is a label only. block: tokens of a block."""
        blocks = np.maximum(1, -(-(tokens - 1) // block))
        first = np.cumsum(blocks) - blocks
        pools = np.repeat(np.arange(len(tokens)), blocks)
        begins = (np.arange(len(pools)) - first[pools]) * block
        return cls(pools, begins, np.clip(tokens[pools] - 1 - begins, 0, block), first)


def merged(consumed: Consumed) -> list[tuple[int, int]]:
    """What was consumed, with adjacent entries of one length merged."""
    out: list[tuple[int, int]] = []
    for length, samples in consumed:
        if samples and out and out[-1][0] == length:
            out[-1] = (length, out[-1][1] + samples)
        elif samples:
            out.append((length, samples))
    return out


class Stream:
    """
    A dataset's samples from a position on.

    tokens: of each pool, shape [pools]. seed: of the whole training. consumed: before the position. length: tokens of a
    sample after it; one more is read, for the last label. block: tokens of a block. name: the dataset, for the error.
    Raises StreamError if no pool is long enough for a sample.
    """

    def __init__(
        self, tokens: Numbers, seed: int, consumed: Consumed, length: int, block: int, name: str = "dataset"
    ) -> None:
        self._block, self._blocks, self._all_tokens = block, Blocks.of(tokens, block), int(tokens.sum())
        self._seed, self._name = seed, name
        self._order = lru_cache(maxsize=8)(self._interleaved)
        cuts = merged(consumed)
        self._done = cuts.pop()[1] if cuts and cuts[-1][0] == length else 0
        self._length = length
        self._cut = Position(0, np.zeros_like(self._blocks.tokens))
        for earlier, samples in cuts:
            self._cut = self._after(self._cut, earlier, samples)
        self._first = self._samples(self._cut.tokens, length)
        self._whole = self._samples(np.zeros_like(self._blocks.tokens), length)

    def at(self, first: int, count: int) -> Places:
        """Places of the samples from number first on; 0 is the first at the position."""
        parts: list[tuple[Numbers, Numbers, Numbers]] = []
        number = self._done + first
        while count > 0:
            epoch, within = self._epoch_of(number)
            sizes, progress = self._sizes(epoch)
            blocks, samples = self._order(epoch).at(within, min(count, int(sizes.sum()) - within))
            begins = self._blocks.begins[blocks] + progress[blocks] + samples * self._length
            parts.append((np.full(len(blocks), epoch), self._blocks.pools[blocks], begins))
            number, count = number + len(blocks), count - len(blocks)
        empty = np.zeros(0, dtype=np.int64)
        return Places(*(np.concatenate(column) for column in zip((empty, empty, empty), *parts, strict=True)))

    def holding(self, epoch: int, pool: int, begin: int, end: int) -> list[tuple[int, int]]:
        """
        The inverse of at: samples that hold tokens of a pool's epoch from begin up to end, as number and first token.
        Tokens before the position, or skipped ones, are in none.
        """
        if epoch < self._cut.epoch:
            return []
        sizes, progress = self._sizes(epoch)
        later = epoch - self._cut.epoch
        before = int(self._first.sum()) + (later - 1) * int(self._whole.sum()) if later else 0
        pools, begins = self._blocks.pools, self._blocks.begins
        block = int(self._blocks.first[pool]) + begin // self._block
        matches = []
        while block < len(pools) and pools[block] == pool and begins[block] < end:
            base = int(begins[block] + progress[block])
            for sample in range(
                max(0, (begin - base) // self._length), min(int(sizes[block]), -(-(end - base) // self._length))
            ):
                number = before + self._order(epoch).number(block, sample) - self._done
                if number >= 0:
                    matches.append((number, base + sample * self._length))
            block += 1
        return matches

    def _sizes(self, epoch: int) -> tuple[Numbers, Numbers]:
        """Samples of each block in an epoch, and its tokens before the first of them, both of shape [blocks]."""
        if epoch == self._cut.epoch:
            return self._first, self._cut.tokens
        return self._whole, np.zeros_like(self._blocks.tokens)

    def _epoch_of(self, number: int) -> tuple[int, int]:
        """The epoch of a sample, counted from the cut, and its number there."""
        first, whole = int(self._first.sum()), int(self._whole.sum())
        if number < first:
            return self._cut.epoch, number
        return self._cut.epoch + 1 + (number - first) // whole, (number - first) % whole

    def _after(self, position: Position, length: int, samples: int) -> Position:
        sizes = self._samples(position.tokens, length)
        epoch, progress = position.epoch, position.tokens
        if samples > sizes.sum():
            left = samples - int(sizes.sum())
            progress = np.zeros_like(self._blocks.tokens)
            sizes = self._samples(progress, length)
            whole = int(sizes.sum())
            epoch, samples = epoch + 1 + (left - 1) // whole, (left - 1) % whole + 1
        return Position(epoch, progress + Interleaving.of_sizes(sizes, [self._seed, epoch]).counts(samples) * length)

    def _samples(self, progress: Numbers, length: int) -> Numbers:
        """Whole samples that each block has left, shape [blocks]."""
        if not progress.any() and self._blocks.tokens.max(initial=0) < length:
            raise StreamError(
                f"{self._name}: has {self._all_tokens:,} tokens, and one sample of {length:,} needs {length + 1:,}: "
                "lower the sequence length, remove the dataset from the mixture, or pin more shards"
            )
        samples: Numbers = np.maximum(0, (self._blocks.tokens - progress) // length)
        return samples

    def _interleaved(self, epoch: int) -> Interleaving:
        return Interleaving.of_sizes(self._sizes(epoch)[0], [self._seed, epoch])


def skipped_tokens(tokens: Numbers, block: int, length: int) -> int:
    """
    Tokens of an epoch that no sample begins with or goes through: the ends of blocks, and the last token of each pool.

    tokens: of each pool, shape [pools]. block: tokens of a block. length: tokens of a sample.
    """
    samples = Blocks.of(tokens, block).tokens // length
    return int(tokens.sum() - samples.sum() * length)


def pool_seed(seed: int, digests: Sequence[str], epoch: int) -> int:
    """Seed of the order of a pool's documents in an epoch. digests: of its pairs' .bin; where they lie is no matter."""
    return int(digest_json([seed, *digests, epoch])[:8], 16) % 2**31


def document_order(documents: int, seed: int) -> npt.NDArray[np.int32]:
    """A pool's documents as an epoch reads them, shape [documents]: as GPTDataset shuffles them with that seed."""
    order = np.arange(documents, dtype=np.int32)
    np.random.RandomState(seed).shuffle(order)
    return order


def boundaries(lengths: npt.NDArray[Any]) -> Numbers:
    """Where each of successive parts begins and the last ends, shape [parts + 1]. lengths: shape [parts]."""
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths, dtype=np.int64)])


def consumed_after(consumed: Consumed, length: int, samples: int) -> list[list[int]]:
    """What is consumed of a stream after more samples. length: tokens of a sample."""
    return [list(entry) for entry in merged([*consumed, (length, samples)])]


def tokens_of(consumed: Consumed) -> int:
    """Tokens that were consumed."""
    return sum(length * samples for length, samples in consumed)


def ranges(offsets: Numbers, begin: int, count: int) -> Iterable[tuple[int, int, int]]:
    """
    The documents of a range of a pool's epoch: place in its order, first token there, tokens.

    offsets: where each document begins in that order and the last ends, shape [documents + 1].
    """
    place = int(np.searchsorted(offsets, begin, side="right")) - 1
    while count > 0:
        within = begin - int(offsets[place])
        part = min(count, int(offsets[place + 1]) - begin)
        if part > 0:
            yield place, within, part
        place, begin, count = place + 1, begin + part, count - part
