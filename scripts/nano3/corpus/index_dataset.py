"""
The index of a dataset: a table of its shards, and their validation and test documents merged.

    index.json      the dataset's receipt: sums, and the receipts of its shards
    shards.tsv      a line per shard; see nano3.corpus.shard_table
    valid, test     pairs of the validation and test documents of all shards in catalogue order

What must be read when one shard of 70,000 was made again? Only the files of that shard. For every other shard the
existing index has the facts of its receipt, valid while file sizes and times are as noted; and the existing merged
pairs have its documents, if their bytes have the noted digests. The result is the same as from scratch: if anything is
missing, damaged or made by other code, the shards are read.
"""

import os
from collections import Counter
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file, digest_json
from nano3.artifact.receipt import Input, Output, ReceiptError, Run
from nano3.artifact.steps import (
    IndexFacts,
    IndexKey,
    IndexReceipt,
    ShardReceipt,
    ShardsDigest,
    SplitCount,
    read_receipt,
)
from nano3.corpus.shard_table import (
    ShardEntry,
    ShardTableError,
    digest_entries,
    read_entries,
    shard_files,
    write_entries,
)
from nano3.raw.datasets import read_pins, sampled
from nano3.tokens.indexed_dataset import Pair, PairReader, PairWriter


class MergeError(Nano3Error):
    """A held-out pair is not what its receipt says."""


def index_dataset(folder: Path, pins: Path, key: IndexKey, index: Path, valid: Path, test: Path) -> None:
    """
    All shards of a dataset become one index, and their held-out documents one validation and one test pair.

    folder: the dataset's tokens. pins: its pinned shards. key: `sample`, rows taken of the dataset; `code`, of this
    step. index: the file to write, itself a receipt; shards.tsv comes beside it. valid, test: prefixes of the merged
    pairs. Where these are there from an earlier run, what is fresh in them is used.
    Raises ReceiptError, PairError or MergeError if a shard is not whole.
    """
    run = Run(("numpy",))
    shards = [shard.name for shard, _ in sampled(read_pins(pins.stem, pins.parent), key["sample"])]
    dtype = PairReader.open(Pair(folder / "holdout" / shards[0])).tokens.dtype.type
    pairs = {"valid": Pair(valid), "test": Pair(test)}
    before = Before.read(folder, index, key, pairs)
    entries: list[ShardEntry] = []
    with ExitStack() as stack:
        merged = {split: stack.enter_context(PairWriter(pair, dtype)) for split, pair in pairs.items()}
        files = stack.enter_context(shard_files(folder))
        begin = end = 0  # shards in a row of the old merged pairs that are to be copied
        for shard in shards:
            path, known, receipt = f"{folder}/train/{shard}.json", before.entries.get(shard), None
            if known and files.are_as_noted(shard, known.sizes, known.written):
                entry = known
            else:
                written = os.stat(path).st_mtime_ns if os.path.exists(path) else 0
                receipt = read_receipt(path, ShardReceipt)
                entry = ShardEntry.of(shard, receipt, written)
            entries.append(entry)
            place = before.places[shard] if known and known.content == entry.content and before.merged else None
            if place is None or place != end:
                before.copy(begin, end, merged)
                begin = end = place or 0
            if place is None:
                _merge(Pair(folder / "holdout" / shard), receipt or read_receipt(path, ShardReceipt), merged)
            else:
                end = place + 1
        before.copy(begin, end, merged)
    write_entries(folder, entries)
    outputs = [Output(*file) for writer in merged.values() for file in writer.files]
    digest = digest_entries(entries)
    IndexReceipt.made(
        run,
        key=key,
        inputs=[Input("receipt", f"{folder}/train/{entry.shard}.json", entry.content) for entry in entries],
        outputs=outputs,
        content=digest_json([digest, [output.sha256 for output in outputs]]),
        facts=IndexFacts(
            tokens=sum(entry.tokens for entry in entries),
            documents=sum(entry.documents for entry in entries),
            rows=sum(entry.rows_read for entry in entries),
            skipped=sum(entry.skipped for entry in entries),
            shards=ShardsDigest(len(entries), digest),
            dropped=dict(
                sorted(sum((Counter(entry.reasons) for entry in entries if entry.dropped), Counter()).items())
            ),
            **{split: SplitCount(writer.tokens, writer.documents) for split, writer in merged.items()},
        ),
    ).write(index)


@dataclass(frozen=True)
class Before:
    """
    The index that is there. entries: by shard. places: the number of each shard, from 0 on. merged: its held-out
    pairs by split; none where they are not what it was made with.
    """

    entries: Mapping[str, ShardEntry]
    places: Mapping[str, int]
    merged: Mapping[str, "HeldOut"]

    @classmethod
    def read(cls, folder: Path, index: Path, key: IndexKey, pairs: Mapping[str, Pair]) -> "Before":
        """What of it is proved whole and made as it would be now. pairs: the merged pairs by split."""
        nothing = cls({}, {}, {})
        try:
            receipt = read_receipt(index, IndexReceipt)
            entries = read_entries(folder, receipt.facts.shards.digest)
        except (ReceiptError, ShardTableError):
            return nothing
        if receipt.key["code"] != key["code"]:
            return nothing
        files = [path for pair in pairs.values() for path in (pair.bin, pair.idx)]
        noted = [output.sha256 for output in receipt.outputs]
        whole = all(path.is_file() for path in files) and [digest_file(path) for path in files] == noted
        merged = {
            split: HeldOut.of(pair, [getattr(entry, split) for entry in entries])
            for split, pair in pairs.items()
            if whole
        }
        return cls(
            {entry.shard: entry for entry in entries},
            {entry.shard: place for place, entry in enumerate(entries)},
            merged,
        )

    def copy(self, begin: int, end: int, merged: Mapping[str, PairWriter]) -> None:
        """Add the held-out documents of the shards numbered from begin up to but without end."""
        if begin < end:
            for split, writer in merged.items():
                self.merged[split].copy(begin, end, writer)


@dataclass(frozen=True)
class HeldOut:
    """
    A merged pair. documents: how many lie before each shard, shape [shards + 1]; tokens: how many before each document,
    shape [documents + 1].
    """

    pair: PairReader
    documents: npt.NDArray[np.int64]
    tokens: npt.NDArray[np.int64]

    @classmethod
    def of(cls, pair: Pair, documents: list[int]) -> "HeldOut":
        """The pair of shards with so many documents."""
        reader = PairReader.open(pair)
        return cls(reader, _sums(np.array(documents)), _sums(reader.lengths))

    def copy(self, begin: int, end: int, writer: PairWriter) -> None:
        """Add the documents of the shards numbered from begin up to but without end."""
        first, last = self.documents[begin], self.documents[end]
        writer.add(self.pair.tokens[self.tokens[first] : self.tokens[last]], self.pair.lengths[first:last])


def _sums(counts: npt.NDArray[Any]) -> npt.NDArray[np.int64]:
    """The sum of all counts before each one and of all of them, shape [counts + 1]."""
    return np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])


def _merge(pair: Pair, receipt: ShardReceipt, merged: Mapping[str, PairWriter]) -> None:
    """Add a shard's held-out documents to the dataset's, if they are the bytes that its receipt says."""
    for path, output in ((pair.bin, receipt.outputs[2]), (pair.idx, receipt.outputs[3])):
        if digest_file(path) != output.sha256:
            raise MergeError(f"{path}: not the bytes that were written: delete it and build it with `snakemake {path}`")
    piece, rows = PairReader.open(pair), {"valid": receipt.facts.valid, "test": receipt.facts.test}
    held_out = sorted(receipt.facts.valid + receipt.facts.test)
    for split, writer in merged.items():
        wanted = np.isin(held_out, rows[split])
        writer.add(piece.tokens[np.repeat(wanted, piece.lengths)], piece.lengths[wanted])
