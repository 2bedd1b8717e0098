"""
The stream of a dataset: which of its tokens is its n-th sample?

A dataset is one endless stream. An epoch is each of its pairs once, documents shuffled with a seed of the epoch. A
phase consumes the next samples of each stream, so nothing is read twice before everything was read once, over all
phases; and what a later phase consumes changes nothing that an earlier one consumed.

An epoch of a pair is cut into blocks, stretches of a fixed number of tokens, and all blocks of all pairs are read side
by side, each from its beginning on: so a long document, or a shard of one source, is spread over the epoch. How far a
block has been read is a number of tokens, so another sequence length goes on exactly there: the stream is cut again
from the position reached, and a long sequence is still whole documents. What is left of a block and is no whole sample
is passed over in that epoch, as Megatron-Core's GPTDataset passes over the end of a pair; an epoch ends for a sequence
length when no block has a sample left.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from nano3 import Nano3Error
from nano3.artifact.digest import digest_json
from nano3.sampling.interleave import Interleaving, Numbers

Consumed = Sequence[Sequence[int]]  # [[tokens per sample, samples], ...] in the order of training


class StreamError(Nano3Error):
    """A dataset's stream can't be cut as asked."""


@dataclass(frozen=True)
class Position:
    """How far a stream has been read: whole epochs, and of the present one the tokens of each block, shape [blocks]."""

    epoch: int
    tokens: Numbers


@dataclass(frozen=True)
class Places:
    """Where samples are: epoch, pair and the token in that pair's epoch where each begins, all of shape [samples]."""

    epochs: Numbers
    pairs: Numbers
    begins: Numbers


def merged(consumed: Consumed) -> list[tuple[int, int]]:
    """What was consumed, with neighbours of one length joined."""
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

    tokens: of each pair, shape [pairs]. seed: of the whole training. taken: what was read before. length: tokens of a
    sample from now on; one more is read, for the last label. block: tokens of a block. name: to call the dataset by.
    Raises StreamError if no pair has that many tokens.
    """

    def __init__(
        self, tokens: Numbers, seed: int, taken: Consumed, length: int, block: int, name: str = "dataset"
    ) -> None:
        blocks = np.maximum(1, -(-(tokens - 1) // block))  # the last token is a label only
        self._block, self._first_block = block, np.cumsum(blocks) - blocks
        self._pair = np.repeat(np.arange(len(tokens)), blocks)
        self._begin = (np.arange(len(self._pair)) - self._first_block[self._pair]) * block
        self._tokens = np.clip(tokens[self._pair] - 1 - self._begin, 0, block)
        self._seed, self._name = seed, name
        self._order = lru_cache(maxsize=8)(self._interleaved)
        cuts = merged(taken)
        self._done = cuts.pop()[1] if cuts and cuts[-1][0] == length else 0
        self._length = length
        self._cut = Position(0, np.zeros_like(self._tokens))
        for earlier, samples in cuts:
            self._cut = self._after(self._cut, earlier, samples)
        self._first = self._samples(self._cut.tokens, length)
        self._whole = self._samples(np.zeros_like(self._tokens), length)

    def at(self, first: int, count: int) -> Places:
        """Where the samples from number first on are; 0 is the first one after what was taken."""
        parts: list[tuple[Numbers, Numbers, Numbers]] = []
        number = self._done + first
        while count > 0:
            epoch, within = self._epoch_of(number)
            sizes, begun = self._sizes(epoch)
            blocks, samples = self._order(epoch).at(within, min(count, int(sizes.sum()) - within))
            begins = self._begin[blocks] + begun[blocks] + samples * self._length
            parts.append((np.full(len(blocks), epoch), self._pair[blocks], begins))
            number, count = number + len(blocks), count - len(blocks)
        none = np.zeros(0, dtype=np.int64)
        return Places(*(np.concatenate(column) for column in zip((none, none, none), *parts, strict=True)))

    def holding(self, epoch: int, pair: int, begin: int, end: int) -> list[tuple[int, int]]:
        """
        The other direction of at: samples that hold tokens of a pair's epoch from begin up to end, as number and token
        where it begins. What was taken before, or is passed over, is in none.
        """
        if epoch < self._cut.epoch:
            return []
        sizes, begun = self._sizes(epoch)
        later = epoch - self._cut.epoch
        before = int(self._first.sum()) + (later - 1) * int(self._whole.sum()) if later else 0
        block = int(self._first_block[pair]) + begin // self._block
        found = []
        while block < len(self._pair) and self._pair[block] == pair and self._begin[block] < end:
            base = int(self._begin[block] + begun[block])
            for sample in range(
                max(0, (begin - base) // self._length), min(int(sizes[block]), -(-(end - base) // self._length))
            ):
                number = before + self._order(epoch).number(block, sample) - self._done
                if number >= 0:
                    found.append((number, base + sample * self._length))
            block += 1
        return found

    def _sizes(self, epoch: int) -> tuple[Numbers, Numbers]:
        """Samples of each block in an epoch, and the tokens before the first of them, both of shape [blocks]."""
        if epoch == self._cut.epoch:
            return self._first, self._cut.tokens
        return self._whole, np.zeros_like(self._tokens)

    def _epoch_of(self, number: int) -> tuple[int, int]:
        """The epoch of a sample, counted from the cut, and its number there."""
        first, whole = int(self._first.sum()), int(self._whole.sum())
        if number < first:
            return self._cut.epoch, number
        return self._cut.epoch + 1 + (number - first) // whole, (number - first) % whole

    def _after(self, position: Position, length: int, samples: int) -> Position:
        sizes = self._samples(position.tokens, length)
        epoch, begun = position.epoch, position.tokens
        if samples > sizes.sum():
            left = samples - int(sizes.sum())
            begun = np.zeros_like(self._tokens)
            sizes = self._samples(begun, length)
            whole = int(sizes.sum())
            epoch, samples = epoch + 1 + (left - 1) // whole, (left - 1) % whole + 1
        return Position(epoch, begun + Interleaving.of_sizes(sizes, [self._seed, epoch]).counts(samples) * length)

    def _samples(self, begun: Numbers, length: int) -> Numbers:
        """Whole samples that each block has left, shape [blocks]."""
        if not begun.any() and self._tokens.max(initial=0) < length:
            raise StreamError(
                f"{self._name}: no pair has {length + 1:,} tokens, which one sample of {length:,} takes: "
                "lower the sequence length, take the dataset out of the mixture, or pin larger shards"
            )
        samples: Numbers = np.maximum(0, (self._tokens - begun) // length)
        return samples

    def _interleaved(self, epoch: int) -> Interleaving:
        return Interleaving.of_sizes(self._sizes(epoch)[0], [self._seed, epoch])


def pair_seed(seed: int, digest: str, epoch: int) -> int:
    """Seed of the order of a pair's documents in an epoch. digest: of its .bin; where the pair lies does not matter."""
    return int(digest_json([seed, digest, epoch])[:8], 16) % 2**31


def document_order(documents: int, seed: int) -> npt.NDArray[np.int32]:
    """A pair's documents as an epoch reads them, shape [documents]: as GPTDataset shuffles them with that seed."""
    order = np.arange(documents, dtype=np.int32)
    np.random.RandomState(seed).shuffle(order)
    return order


def consumed_after(consumed: Consumed, length: int, samples: int) -> list[list[int]]:
    """What was consumed of a stream, with some samples more."""
    return [list(take) for take in merged([*consumed, (length, samples)])]


def tokens_of(consumed: Consumed) -> int:
    """Tokens that were consumed."""
    return sum(length * samples for length, samples in consumed)


def ranges(offsets: Numbers, begin: int, count: int) -> Iterable[tuple[int, int, int]]:
    """
    The documents that a stretch of a pair's epoch runs through: place in its order, first token there, tokens.

    offsets: where each document begins in that order and the last ends, shape [documents + 1].
    """
    place = int(np.searchsorted(offsets, begin, side="right")) - 1
    while count > 0:
        within = begin - int(offsets[place])
        part = min(count, int(offsets[place + 1]) - begin)
        if part > 0:
            yield place, within, part
        place, begin, count = place + 1, begin + part, count - part
