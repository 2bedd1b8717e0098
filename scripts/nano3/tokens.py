"""
Tokens of a raw shard.

When is a shard's token pair stale? When its raw bytes, its tokenizer or the code that reads one with the other has
changed; never because a clock says so.

A document goes to training, validation or test by a hash of its own text: an exact duplicate, wherever it turns up,
lands in the same split, and no split moves as shards come and go.

Reading, encoding and writing overlap: while one batch is encoded, the next is read and the last is written. A batch
that is one long document is never waited for by another: memory holds one of them at a time.
"""

import time
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from nano3 import Nano3Error
from nano3.digest import digest_file, digest_json
from nano3.encode import Encoder, Ids, Lengths, characters_of, offsets_of
from nano3.megatron import Pair, PairWriter, token_dtype
from nano3.receipt import Input, Run, write_receipt
from nano3.text import read_text

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


def tokenize_shard(
    raw: Path,
    tokenizer: Path,
    key: dict[str, Any],
    train: Path,
    holdout: Path,
    receipt: Path,
    engine: str = "gigatoken",
    checked_documents: int = 16,
    origin: str = "",
) -> None:
    """
    One raw shard becomes a Megatron pair for training, a pair of held-out documents, and a receipt.

    raw: the shard's file. tokenizer: its tokenizer.json. key: sha256 of the shard, rows to take (None: all), text
    column, token settings. train, holdout: prefixes of the two pairs; the second holds validation and test documents
    in row order, and the receipt says which row is which. engine: gigatoken or tokenizers; the ids are the same, and
    of the first checked_documents and of later ones it is made sure, see _checked. origin: where raw came from, if
    it was downloaded; for the receipt.
    Raises TokenError if raw is not the file that was pinned, EncodeError or TextError for what can't be encoded.
    """
    encoder = Encoder.load(tokenizer, key["tokenizer"], engine)
    tokenize(encoder, raw, tokenizer, key, train, holdout, receipt, checked_documents, origin)


def tokenize(
    encoder: Encoder,
    raw: Path,
    tokenizer: Path,
    key: dict[str, Any],
    train: Path,
    holdout: Path,
    receipt: Path,
    checked_documents: int,
    origin: str,
) -> None:
    """tokenize_shard with an encoder that was loaded before."""
    run, tally = Run(PACKAGES), Tally()
    with tally.timed("digest"):
        found = digest_file(raw)
    if found != key["sha256"]:
        raise TokenError(
            f"{raw}: SHA-256 is {found}, pinned was {key['sha256']}: "
            "if the file was meant to change, pin its dataset again with scripts/pin_dataset.py; if not, restore it"
        )
    dtype = token_dtype(encoder.vocabulary)
    batches = _ahead(_timed(read_text(raw, key["text_column"], key["rows"]), "read", tally))
    with (
        PairWriter(Pair(train), dtype) as kept,
        PairWriter(Pair(holdout), dtype) as held,
        ThreadPoolExecutor(1) as pool,
    ):
        written: Future[None] | None = None
        first = 0
        for batch in batches:
            checked = _checked(first, len(batch), checked_documents, found)
            parts = _encoded(first, batch, encoder, key, checked, tally)
            first += len(batch)
            del batch  # a huge one must not live on while the next is read
            for tokens, lengths, training in _timed(parts, "encode", tally):
                if written is not None:
                    written.result()
                written = pool.submit(_write, kept, held, tokens, lengths, training, tally)
        if written is not None:
            written.result()
    write_receipt(
        receipt,
        "tokenize_shard",
        run,
        key=key,
        inputs=[Input("file", str(raw), found), Input("file", str(tokenizer), key["tokenizer"]["sha256"])],
        outputs=kept.outputs + held.outputs,
        content=digest_json([[output.sha256 for output in kept.outputs + held.outputs], tally.rows]),
        facts={
            "bytes_in": raw.stat().st_size,
            "rows": kept.documents + sum(map(len, tally.rows.values())),
            "documents": kept.documents,
            "tokens": kept.tokens,
            **tally.facts(),
            "origin": origin or str(raw),
        },
    )


def _encoded(
    first: int,
    batch: pa.LargeStringArray,
    encoder: Encoder,
    key: Mapping[str, Any],
    checked: npt.NDArray[np.bool_],
    tally: Tally,
) -> Iterator[tuple[Ids, Lengths, npt.NDArray[np.bool_]]]:
    """
    A batch's documents as written, their lengths, and which are for training, in parts where it is a long document.

    first: the batch's first row. checked: which rows are to be encoded again, shape [rows].
    """
    characters = pc.fill_null(pc.utf8_length(batch), -1).to_numpy(zero_copy_only=False)
    reasons = (("no text", -1, -1), ("empty", 0, 0), ("too short", 1, key["tokenizer"]["min_doc_chars"] - 1))
    for reason, low, high in reasons:
        tally.dropped[reason] += (first + np.flatnonzero((characters >= low) & (characters <= high))).tolist()
    present = characters >= max(1, key["tokenizer"]["min_doc_chars"])
    texts, rows = batch if present.all() else batch.filter(pa.array(present)), first + np.flatnonzero(present)
    tally.characters += int(characters[present].sum())
    tally.special_tokens_in_text += encoder.count_special(texts)

    splits = splits_of(texts, key["holdout"])
    tally.valid += rows[splits == VALID].tolist()
    tally.test += rows[splits == TEST].tolist()

    if len(texts) == 1 and texts.nbytes > LONG_BYTES:
        parts = encoder.parts(texts)
    else:
        ids, lengths = encoder.encode(texts)
        ends = np.cumsum(lengths)
        for place in np.flatnonzero((checked & (characters <= LARGEST_CHECKED_CHARACTERS))[present]).tolist():
            encoder.check(texts[place].as_py(), ids[ends[place] - lengths[place] : ends[place]])
        parts = iter([encoder.framed(ids, lengths)])
    for tokens, lengths, cut in parts:
        tally.truncated += cut
        powers, counts = np.unique(np.ceil(np.log2(np.maximum(lengths, 1))).astype(np.int64), return_counts=True)
        tally.lengths.update(dict(zip((1 << powers).tolist(), counts.tolist(), strict=True)))
        yield tokens, lengths, splits == TRAIN


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


def _write(
    kept: PairWriter, held: PairWriter, tokens: Ids, lengths: Lengths, training: npt.NDArray[np.bool_], tally: Tally
) -> None:
    with tally.timed("write"):
        if training.all() or not training.any():
            (kept if training.all() else held).add(tokens, lengths)
            return
        of_training = np.repeat(training, lengths)
        kept.add(tokens[of_training], lengths[training])
        held.add(tokens[~of_training], lengths[~training])


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


def _ahead(batches: Iterator[pa.LargeStringArray]) -> Iterator[pa.LargeStringArray]:
    """The same batches; the next one is made in another thread while one is used, unless that is long."""
    with ThreadPoolExecutor(1) as pool:
        waiting: Future[Any] | None = pool.submit(next, batches, None)
        while waiting and (batch := waiting.result()) is not None:
            waiting = None if batch.nbytes > LONG_BYTES else pool.submit(next, batches, None)
            yield batch
            del batch
            waiting = waiting or pool.submit(next, batches, None)
