"""
The index of a dataset: all its shards with what was counted and digested, and their held-out documents in one place.

    index.json      the dataset's receipt: sums, and the receipts of its shards
    shards.tsv      a line per shard; see nano3.freshness
    valid, test     pairs of the held-out documents of all shards in catalogue order
"""

from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np

from nano3 import Nano3Error
from nano3.catalog import read_pins, sampled
from nano3.digest import digest_file, digest_json
from nano3.freshness import Entry, digest_entries, write_entries
from nano3.megatron import Pair, PairReader, PairWriter
from nano3.receipt import Input, Run, read_receipt, write_receipt


class MergeError(Nano3Error):
    """A held-out pair is not what its receipt says."""


def index_dataset(folder: Path, pins: Path, key: dict[str, Any], index: Path, valid: Path, test: Path) -> None:
    """
    All shards of a dataset become one index, and their held-out documents one validation and one test pair.

    folder: the dataset's tokens. pins: its pinned shards. key: `sample`, rows taken of the dataset. index: the file to
    write, itself a receipt; shards.tsv comes beside it. valid, test: prefixes of the merged pairs.
    Raises ReceiptError, PairError or MergeError if a shard is not whole.
    """
    run = Run(("numpy",))
    shards = [shard.name for shard, _ in sampled(read_pins(pins.stem, pins.parent), key["sample"])]
    entries: list[Entry] = []
    rows = skipped = 0
    dtype = PairReader.open(Pair(folder / "holdout" / shards[0])).tokens.dtype.type
    with ExitStack() as stack:
        merged = {
            split: stack.enter_context(PairWriter(Pair(prefix), dtype))
            for split, prefix in (("valid", valid), ("test", test))
        }
        for shard in shards:
            path = folder / "train" / f"{shard}.json"
            written = path.stat().st_mtime_ns if path.exists() else 0
            receipt = read_receipt(path)
            entries.append(Entry.of(shard, receipt, written))
            rows += receipt["facts"]["rows"]
            skipped += len(receipt["facts"]["skipped"])
            _merge(Pair(folder / "holdout" / shard), receipt, merged)
    write_entries(folder, entries)
    outputs = [output for writer in merged.values() for output in writer.outputs]
    write_receipt(
        index,
        "index_dataset",
        run,
        key=key,
        inputs=[Input("receipt", str(folder / "train" / f"{entry.shard}.json"), entry.content) for entry in entries],
        outputs=outputs,
        content=digest_json([digest_entries(entries), [output.sha256 for output in outputs]]),
        facts={
            "tokens": sum(entry.tokens for entry in entries),
            "documents": sum(entry.documents for entry in entries),
            "rows": rows,
            "skipped": skipped,
            "shards": {"count": len(entries), "digest": digest_entries(entries)},
            **{split: {"tokens": writer.tokens, "documents": writer.documents} for split, writer in merged.items()},
        },
    )


def _merge(pair: Pair, receipt: Mapping[str, Any], merged: Mapping[str, PairWriter]) -> None:
    """Add a shard's held-out documents to the dataset's, if they are the bytes that its receipt says."""
    for path, output in ((pair.bin, receipt["outputs"][2]), (pair.idx, receipt["outputs"][3])):
        if digest_file(path) != output["sha256"]:
            raise MergeError(f"{path}: not the bytes that were written: delete it and build it with `snakemake {path}`")
    piece, rows = PairReader.open(pair), receipt["facts"]
    held_out = sorted(rows["valid"] + rows["test"])
    for split, writer in merged.items():
        wanted = np.isin(held_out, rows[split])
        writer.add(piece.tokens[np.repeat(wanted, piece.lengths)], piece.lengths[wanted])
