"""
What decides every byte of a shard's token pairs? This module, and what it imports.

Its code digest is the shards' key, so what decides no byte stays outside, in nano3.tokens.tokenize_shard: receipt,
checks, timings and counts look on through an Observer.

A document goes to training, validation or test by a hash of its own text: an exact duplicate, wherever it turns up,
lands in the same split, and no split moves as shards come and go.

Reading, encoding and writing overlap: while one batch is encoded, the next is read and the last is written. A batch
with one long document is not prefetched, so at most one such document is in memory.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from nano3.artifact.digest import digest_json
from nano3.core.arrow import int64_values, mask_array
from nano3.formats.readers import TextSource, read_text
from nano3.tokens.encoder import (
    EncodeError,
    Encoder,
    Ids,
    Lengths,
    Part,
    characters_of,
    documents_of,
    ids_of,
    offsets_of,
)
from nano3.tokens.engines import Kinds
from nano3.tokens.indexed_dataset import Pair, PairWriter, WrittenFile, token_dtype

TRAIN, VALID, TEST = 0, 1, 2
BAD = -2  # stands for the characters of a bad row
BAD = -2  # characters of a text that is a bad row
LONG_BYTES = 2**24  # a batch of one larger document is encoded and written in parts

Item = TypeVar("Item")


@dataclass
class Rows:
    """
    What becomes of a shard's rows. valid, test, dropped: row numbers; dropped by reason. All others are training. bad:
    those dropped because they can't be read as text.
    """

    valid: list[int] = field(default_factory=list)
    test: list[int] = field(default_factory=list)
    dropped: dict[str, list[int]] = field(default_factory=lambda: {"no text": [], "empty": [], "too short": []})

    bad: list[int] = field(default_factory=list)

    @property
    def skipped(self) -> list[int]:
        """All that were dropped, in order."""
        return sorted(row for rows in self.dropped.values() for row in rows)


@dataclass(frozen=True)
class Batch:
    """
    Documents to encode. rows: their row numbers. training: which are for training. kinds: what is special about them.
    All of shape [texts].
    """

    texts: pa.LargeStringArray
    rows: npt.NDArray[np.int64]
    training: npt.NDArray[np.bool_]
    kinds: Kinds


class Observer:
    """Looks on while a shard becomes tokens. It decides no byte: nothing that it returns is used."""

    def stage(self, _name: str) -> AbstractContextManager[None]:
        """Around each piece of work of a stage: read, look, encode or write. Stages overlap."""
        return nullcontext()

    def read(self, batch: Batch) -> None:
        """Documents were read and not dropped."""

    def rows_read(self, rows: int, bad: Sequence[int]) -> None:
        """So many rows were read up to here. bad: numbers of bad ones. If it raises, no file is left."""

    def encoded(self, batch: Batch, ids: Ids, lengths: Lengths) -> None:
        """A batch was encoded; a long document is not shown. ids, lengths: see Encoder.encode."""

    def written(self, lengths: Lengths, truncated: int) -> None:
        """Documents were written. lengths: in tokens. truncated: how many were cut to the longest allowed."""

    def complete(self) -> None:
        """All is written, and gets its names when this returns. If it raises, no file is left."""


@dataclass(frozen=True)
class TokenPairs:
    """What a shard became. holdout: its validation and test documents in row order."""

    train: PairWriter
    holdout: PairWriter
    rows: Rows

    @property
    def files(self) -> list[WrittenFile]:
        """Of both pairs."""
        return self.train.files + self.holdout.files

    @property
    def content(self) -> str:
        """What identifies them: the bytes of both pairs, and which row is where."""
        rows = {"valid": self.rows.valid, "test": self.rows.test, "skipped": self.rows.skipped}
        return digest_json([[file.sha256 for file in self.files], rows])


def write_pairs(
    raw: Path, encoder: Encoder, key: Mapping[str, Any], train: Path, holdout: Path, observer: Observer
) -> TokenPairs:
    """
    One raw shard becomes a pair for training and a pair of held-out documents.

    key: rows to take (None: all), text source, token settings, holdout fractions. train, holdout: prefixes of the two
    pairs. Raises EncodeError or TextError for what can't be encoded.
    """
    dtype, rows, source = token_dtype(encoder.entries), Rows(), TextSource.of(key)
    if source.on_bad_row == "skip":
        rows.dropped["bad row"] = rows.bad
    texts = _staged(read_text(raw, source, key["rows"], rows.bad), "read", observer)
    batches = _prefetch(_batches(texts, encoder, key, rows, observer))
    with (
        _named(raw),
        PairWriter(Pair(train), dtype) as train_writer,
        PairWriter(Pair(holdout), dtype) as holdout_writer,
        ThreadPoolExecutor(1) as pool,
    ):
        write: Future[None] | None = None
        for batch in batches:
            parts = _encoded(batch, encoder, observer)
            training = batch.training
            del batch  # a huge one must not live on while the next is read
            for part in _staged(parts, "encode", observer):
                if write is not None:
                    write.result()
                write = pool.submit(_write, train_writer, holdout_writer, part, training, observer)
        if write is not None:
            write.result()
        observer.complete()
    return TokenPairs(train_writer, holdout_writer, rows)


@contextmanager
def _named(raw: Path) -> Iterator[None]:
    """An error about a text says in which file."""
    try:
        yield
    except EncodeError as error:
        raise EncodeError(f"{raw}: {error}") from None


def _batches(
    texts: Iterator[pa.LargeStringArray], encoder: Encoder, key: Mapping[str, Any], rows: Rows, observer: Observer
) -> Iterator[Batch]:
    """The documents to encode. rows: records what becomes of every row."""
    first = 0
    for part in texts:
        with observer.stage("look"):
            batch = _batch(part, first, encoder, key, rows)
            observer.read(batch)
            observer.rows_read(first + len(part), rows.bad)
        first += len(part)
        del part  # a huge one must not live on while the next is read
        yield batch
        del batch


def _batch(texts: pa.LargeStringArray, first: int, encoder: Encoder, key: Mapping[str, Any], rows: Rows) -> Batch:
    """first: the first text's row."""
    shortest = max(1, key["tokenizer"]["min_doc_chars"])
    characters = int64_values(pc.utf8_length(texts), null=-1)
    too_long = encoder.too_long(texts)
    for place in np.flatnonzero(too_long).tolist():
        _add_too_long(first + place, texts[place : place + 1].nbytes, key, rows)
    characters = np.where(too_long, BAD, characters)
    for row in rows.bad[bisect_left(rows.bad, first) : bisect_left(rows.bad, first + len(texts))]:
        characters[row - first] = BAD
    for reason, low, high in (("no text", -1, -1), ("empty", 0, 0), ("too short", 1, shortest - 1)):
        rows.dropped[reason] += (first + np.flatnonzero((characters >= low) & (characters <= high))).tolist()
    present = characters >= shortest
    texts = texts if present.all() else texts.filter(mask_array(present))
    numbers = first + np.flatnonzero(present)
    splits = splits_of(texts, key["holdout"])
    rows.valid += numbers[splits == VALID].tolist()
    rows.test += numbers[splits == TEST].tolist()
    return Batch(texts, numbers, splits == TRAIN, encoder.exceptions.among(texts))


def _add_too_long(row: int, size: int, key: Mapping[str, Any], rows: Rows) -> None:
    """A row is bad by its length. size: of its text, in bytes. Raises EncodeError unless bad rows are skipped."""
    if TextSource.of(key).on_bad_row == "fail":
        raise EncodeError(
            f"row {row + 1} (counting from 1): a text of {size / 2**20:,.0f} MiB can't be encoded in parts of"
            " LONGEST_PIECE (nano3/tokens/encoder.py): split it, or write on_bad_row: skip in its dataset's description"
        )
    insort(rows.bad, row)


def splits_of(texts: pa.LargeStringArray, holdout: Mapping[str, float]) -> npt.NDArray[np.int8]:
    """
    Where each document belongs: TRAIN, VALID or TEST, shape [texts]. The hash is XXH3-64 of the UTF-8 text.

    holdout: fractions for valid and test.
    """
    data, offsets = characters_of(texts).data, offsets_of(texts).tolist()
    hashes = [xxhash.xxh3_64_intdigest(data[begin:end]) for begin, end in pairwise(offsets)]
    places = np.array(hashes, dtype=np.uint64).astype(np.float64) / 2.0**64
    held = np.where(places < holdout["valid"], VALID, TEST)
    return np.where(places < holdout["valid"] + holdout["test"], held, TRAIN).astype(np.int8)


def _encoded(batch: Batch, encoder: Encoder, observer: Observer) -> Iterator[Callable[[], Part]]:
    """
    A batch's documents as written, in parts where it is one long document. The writer calls for a part, because framing
    would keep the next batch waiting.
    """
    if len(batch.texts) == 1 and batch.texts.nbytes > LONG_BYTES:
        yield from (partial(lambda part: part, part) for part in encoder.parts(batch.texts))
        return
    ids, lengths = encoder.encode(batch.texts, batch.kinds.exceptions)
    observer.encoded(batch, ids, lengths)
    yield partial(encoder.framed, ids, lengths)


def _write(
    train: PairWriter,
    holdout: PairWriter,
    part: Callable[[], Part],
    training: npt.NDArray[np.bool_],
    observer: Observer,
) -> None:
    with observer.stage("write"):
        tokens, lengths, truncated = part()
        observer.written(lengths, truncated)
        if training.all() or not training.any():
            (train if training.all() else holdout).add(tokens, lengths)
            return
        documents = documents_of(tokens, lengths)
        for writer, chosen in ((train, training), (holdout, ~training)):
            writer.add(ids_of(documents.filter(mask_array(chosen))), lengths[chosen])


def _staged(items: Iterator[Item], stage: str, observer: Observer) -> Iterator[Item]:
    """The same items; each is made inside the stage."""
    end = object()
    while True:
        with observer.stage(stage):
            item: Any = next(items, end)
        if item is end:
            return
        yield item
        del item


def _prefetch(batches: Iterator[Batch]) -> Iterator[Batch]:
    """The same batches; the next one is made in another thread while one is used, unless that is long."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[Any] | None = pool.submit(next, batches, None)
        while waiting and (batch := waiting.result()) is not None:
            waiting = None if batch.texts.nbytes > LONG_BYTES else pool.submit(next, batches, None)
            yield batch
            del batch
            waiting = waiting or pool.submit(next, batches, None)
