"""
Tokens of a raw shard.

When is a shard's token pair stale? When its raw bytes, its tokenizer or the code that reads one with the other has
changed; never because a clock says so.

A document goes to training, validation or test by a hash of its own text: an exact duplicate, wherever it turns up,
lands in the same split, and no split moves as shards come and go.

Reading, encoding and writing overlap: while one batch is encoded, the next is read and the last is written; the raw
file is digested and documents are encoded again to check them meanwhile. A batch that is one long document is never
waited for by another: memory holds one of them at a time.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
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

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file, digest_json
from nano3.artifact.receipt import Input, Run
from nano3.artifact.steps import HoldoutKey, ShardFacts, ShardKey, ShardReceipt
from nano3.raw.readers import read_text
from nano3.tokens.encoder import Encoder, Part, characters_of, documents_of, ids_of, offsets_of
from nano3.tokens.indexed_dataset import Pair, PairWriter, token_dtype

TRAIN, VALID, TEST = 0, 1, 2
LARGEST_CHECKED_CHARACTERS = 1_000_000
LONG_BYTES = 2**24  # a batch of one larger document is encoded and written in parts
PACKAGES = ("gigatoken", "tokenizers", "pyarrow", "numpy", "awkward", "msgspec", "xxhash", "zstandard")

Item = TypeVar("Item")


class TokenError(Nano3Error):
    """A shard can't be tokenized as asked."""


@dataclass
class Tally:
    """What becomes of a shard's rows. valid, test, dropped: row numbers; dropped by reason."""

    valid: list[int] = field(default_factory=list)
    test: list[int] = field(default_factory=list)
    dropped: dict[str, list[int]] = field(default_factory=lambda: {"no text": [], "empty": [], "too short": []})
    truncated: int = 0
    characters: int = 0
    special_tokens_in_text: int = 0
    lengths: Counter[int] = field(default_factory=Counter)
    seconds: dict[str, float] = field(default_factory=dict)

    @contextmanager
    def timed(self, stage: str) -> Iterator[None]:
        """Count the time of a block to a stage; stages overlap."""
        began = time.perf_counter()
        yield
        self.seconds[stage] = self.seconds.get(stage, 0.0) + time.perf_counter() - began

    @property
    def rows(self) -> dict[str, list[int]]:
        """The rows that are not training documents; all others are, in order."""
        dropped = sorted(row for rows in self.dropped.values() for row in rows)
        return {"valid": self.valid, "test": self.test, "skipped": dropped}

    def facts(self) -> dict[str, Any]:
        """For the receipt. lengths: documents by tokens, counted under the next power of two."""
        return {
            **self.rows,
            "dropped": {reason: len(rows) for reason, rows in self.dropped.items()},
            "truncated": self.truncated,
            "characters": self.characters,
            "special_tokens_in_text": self.special_tokens_in_text,
            "lengths": {str(size): count for size, count in sorted(self.lengths.items())},
            "seconds": {stage: round(seconds, 3) for stage, seconds in sorted(self.seconds.items())},
        }


@dataclass(frozen=True)
class DocumentBatch:
    """
    Documents to encode. texts: those that are not dropped. checked: which of them are to be encoded again.
    training: which of them are for training, shape [texts].
    """

    texts: pa.LargeStringArray
    checked: list[int]
    training: npt.NDArray[np.bool_]


def tokenize_shard(
    raw: Path,
    tokenizer: Path,
    key: ShardKey,
    train: Path,
    holdout: Path,
    receipt: Path,
    engine: str = "gigatoken",
    checked_documents: int = 4,
    origin: str = "",
    threads: int = 2,
) -> None:
    """
    One raw shard becomes a Megatron pair for training, a pair of held-out documents, and a receipt.

    raw: the shard's file. tokenizer: its tokenizer.json. key: sha256 of the shard, rows to take (None: all), text
    column, token settings. train, holdout: prefixes of the two pairs; the second holds validation and test documents
    in row order, and the receipt says which row is which. engine: gigatoken or tokenizers; the ids are the same, and
    of the first checked_documents and of later ones it is made sure, see _checked. origin: where raw came from, if
    it was downloaded; for the receipt. threads: how many processors to keep busy.
    Raises TokenError if raw is not the file that was pinned, EncodeError or TextError for what can't be encoded,
    ReferenceTokenizerError for other ids than Hugging Face's.
    """
    with Encoder.load(tokenizer, key["tokenizer"], engine, threads) as encoder:
        tokenize(encoder, raw, tokenizer, key, train, holdout, receipt, checked_documents, origin)


def tokenize(
    encoder: Encoder,
    raw: Path,
    tokenizer: Path,
    key: ShardKey,
    train: Path,
    holdout: Path,
    receipt: Path,
    checked_documents: int,
    origin: str,
) -> None:
    """tokenize_shard with an encoder that was loaded before."""
    run, tally = Run(PACKAGES), Tally()
    dtype = token_dtype(encoder.vocabulary)
    texts = _timed(read_text(raw, key["text_column"], key["rows"]), "read", tally)
    batches = _ahead(_batches(texts, encoder, key, checked_documents, tally))
    with (
        PairWriter(Pair(train), dtype) as kept,
        PairWriter(Pair(holdout), dtype) as held,
        _pinned(raw, key["sha256"], tally),
        ThreadPoolExecutor(1) as pool,
    ):
        written: Future[None] | None = None
        checks: list[Future[None]] = []
        for batch in batches:
            parts = _encoded(batch, encoder, checks)
            training = batch.training
            del batch  # a huge one must not live on while the next is read
            for part in _timed(parts, "encode", tally):
                if written is not None:
                    written.result()
                written = pool.submit(_write, kept, held, part, training, tally)
        for check in checks:
            check.result()
        if written is not None:
            written.result()
    ShardReceipt.made(
        run,
        key=key,
        inputs=[Input("file", str(raw), key["sha256"]), Input("file", str(tokenizer), key["tokenizer"]["sha256"])],
        outputs=kept.outputs + held.outputs,
        content=digest_json([[output.sha256 for output in kept.outputs + held.outputs], tally.rows]),
        facts=ShardFacts(
            bytes_in=raw.stat().st_size,
            rows=kept.documents + sum(map(len, tally.rows.values())),
            documents=kept.documents,
            tokens=kept.tokens,
            **tally.facts(),
            origin=origin or str(raw),
        ),
    ).write(receipt)


@contextmanager
def _pinned(raw: Path, sha256: str, tally: Tally) -> Iterator[None]:
    """
    The file is digested while the block runs. Raises TokenError at its end if it is not the one that was pinned,
    whatever else the block may have found wrong with it.
    """

    def digest() -> str:
        with tally.timed("digest"):
            return digest_file(raw)

    def verify() -> None:
        if (found := digested.result()) != sha256:
            raise TokenError(
                f"{raw}: SHA-256 is {found}, pinned was {sha256}: if the file was meant to change, "
                "pin its dataset again with scripts/pin_dataset.py; if not, restore it"
            )

    with ThreadPoolExecutor(1) as pool:
        digested = pool.submit(digest)
        try:
            yield
        except Nano3Error:
            verify()
            raise
        verify()


def _batches(
    read: Iterator[pa.LargeStringArray],
    encoder: Encoder,
    key: ShardKey,
    checked_documents: int,
    tally: Tally,
) -> Iterator[DocumentBatch]:
    """What is to be encoded of the texts that were read, and what becomes of all their rows."""
    first = 0
    for texts in read:
        checked = _checked(first, len(texts), checked_documents, key["sha256"])
        with tally.timed("look"):
            batch = _batch(texts, first, encoder, key, checked, tally)
        first += len(texts)
        del texts  # a huge one must not live on while the next is read
        yield batch
        del batch


def _batch(
    texts: pa.LargeStringArray,
    first: int,
    encoder: Encoder,
    key: ShardKey,
    checked: npt.NDArray[np.bool_],
    tally: Tally,
) -> DocumentBatch:
    """first: the first text's row. checked: which rows are to be encoded again, shape [texts]."""
    characters = pc.fill_null(pc.utf8_length(texts), -1).to_numpy(zero_copy_only=False)
    reasons = (("no text", -1, -1), ("empty", 0, 0), ("too short", 1, key["tokenizer"]["min_doc_chars"] - 1))
    for reason, low, high in reasons:
        tally.dropped[reason] += (first + np.flatnonzero((characters >= low) & (characters <= high))).tolist()
    present = characters >= max(1, key["tokenizer"]["min_doc_chars"])
    texts, rows = texts if present.all() else texts.filter(pa.array(present)), first + np.flatnonzero(present)
    tally.characters += int(characters[present].sum())
    tally.special_tokens_in_text += encoder.count_special(texts)

    splits = splits_of(texts, key["holdout"])
    tally.valid += rows[splits == VALID].tolist()
    tally.test += rows[splits == TEST].tolist()
    checked = (checked & (characters <= LARGEST_CHECKED_CHARACTERS))[present]
    return DocumentBatch(texts, np.flatnonzero(checked).tolist(), splits == TRAIN)


def _encoded(batch: DocumentBatch, encoder: Encoder, checks: list[Future[None]]) -> Iterator[Callable[[], Part]]:
    """
    A batch's documents as written, in parts where it is one long document; who writes a part calls for it, for framing
    would keep the next batch waiting. checks: of those begun here.
    """
    if len(batch.texts) == 1 and batch.texts.nbytes > LONG_BYTES:
        yield from (partial(lambda part: part, part) for part in encoder.parts(batch.texts))
        return
    ids, lengths = encoder.encode(batch.texts)
    ends = np.cumsum(lengths)
    for place in batch.checked:
        document = ids[ends[place] - lengths[place] : ends[place]].tolist()
        checks.append(encoder.reference.check(batch.texts[place].as_py(), document))
    yield partial(encoder.framed, ids, lengths)


def splits_of(texts: pa.LargeStringArray, holdout: HoldoutKey) -> npt.NDArray[np.int8]:
    """
    Where each document belongs: TRAIN, VALID or TEST, shape [texts]. The hash is XXH3-64 of the UTF-8 text.

    holdout: fractions for valid and test.
    """
    data, offsets = characters_of(texts).data, offsets_of(texts).tolist()
    hashes = [xxhash.xxh3_64_intdigest(data[begin:end]) for begin, end in pairwise(offsets)]
    places = np.array(hashes, dtype=np.uint64).astype(np.float64) / 2.0**64
    held = np.where(places < holdout["valid"], VALID, TEST)
    return np.where(places < holdout["valid"] + holdout["test"], held, TRAIN).astype(np.int8)


def _write(
    kept: PairWriter, held: PairWriter, part: Callable[[], Part], training: npt.NDArray[np.bool_], tally: Tally
) -> None:
    with tally.timed("write"):
        tokens, lengths, cut = part()
        tally.truncated += cut
        powers, counts = np.unique(np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64), return_counts=True)
        tally.lengths.update(dict(zip((1 << powers).tolist(), counts.tolist(), strict=True)))
        if training.all() or not training.any():
            (kept if training.all() else held).add(tokens, lengths)
            return
        documents = documents_of(tokens, lengths)
        for writer, chosen in ((kept, training), (held, ~training)):
            writer.add(ids_of(documents.take(pa.array(np.flatnonzero(chosen)))), lengths[chosen])


def _checked(first: int, rows: int, documents: int, sha256: str) -> npt.NDArray[np.bool_]:
    """
    Which of a batch's rows are checked, shape [rows]; the same for the same shard.

    Row r is with chance documents / (r + 1): the first ones always, and of any later stretch from r to 2r about 0.7
    times as many, so that nobody needs to know where the shard ends.
    """
    draws = np.random.default_rng([int(sha256, 16), first]).random(rows)
    return draws < documents / np.arange(first + 1, first + rows + 1)


def _timed(items: Iterator[Item], stage: str, tally: Tally) -> Iterator[Item]:
    """The same items; the time in which they are made is counted to a stage."""
    end = object()
    while True:
        with tally.timed(stage):
            item: Any = next(items, end)
        if item is end:
            return
        yield item
        del item


def _ahead(batches: Iterator[DocumentBatch]) -> Iterator[DocumentBatch]:
    """The same batches; the next one is made in another thread while one is used, unless that is long."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[Any] | None = pool.submit(next, batches, None)
        while waiting and (batch := waiting.result()) is not None:
            waiting = None if batch.texts.nbytes > LONG_BYTES else pool.submit(next, batches, None)
            yield batch
            del batch
            waiting = waiting or pool.submit(next, batches, None)
