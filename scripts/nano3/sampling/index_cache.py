"""
In which order does an epoch of a dataset read each pair's documents? The index cache, built before training, holds it.

    results/streams/{dataset}-{digest}/pairs.npy                 documents and tokens of each pair, int64 [pairs, 2]
    results/streams/{dataset}-{digest}/epoch_{n}.order.npy       each pair's documents as the epoch reads them, int32
    results/streams/{dataset}-{digest}/epoch_{n}.offsets.npy     where each begins there and the last ends, int64

When is it another one? When the bytes of the dataset's pairs or the seed differ; its folder is named by them. Phases
and recipes share it, so a changed share or a longer phase builds at most another epoch. Empty pairs are left out.

It replaces Megatron-Core's document, sample and shuffle indices: a set for each pair, blend, sequence length and number
of samples, named by path instead of content.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nano3 import Nano3Error
from nano3.artifact.digest import digest_json, short
from nano3.artifact.files import replaced
from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import (
    BlendReceipt,
    IndexCacheFacts,
    IndexCacheKey,
    IndexCacheReceipt,
    IndexReceipt,
    read_receipt,
)
from nano3.corpus.shard_table import ShardEntry, read_entries
from nano3.sampling.blend_json import train_prefixes
from nano3.sampling.interleave import Numbers
from nano3.sampling.sampler import SegmentSampler
from nano3.sampling.streams import boundaries, document_order, pair_seed
from nano3.tokens.indexed_dataset import Pair, read_lengths

PAIRS = "pairs.npy"
SMALL = 64  # pairs; for fewer, other processes do not pay off


class IndexCacheError(Nano3Error):
    """An index cache is missing, or of other pairs."""


@dataclass(frozen=True)
class EpochIndex:
    """An epoch of a dataset, memory-mapped. begins: where each pair's documents begin in order, shape [pairs + 1]."""

    order: npt.NDArray[np.int32]
    offsets: Numbers
    begins: Numbers

    @classmethod
    def open(cls, folder: Path, epoch: int, documents: Numbers) -> "EpochIndex":
        """documents: of each pair. Raises IndexCacheError if the epoch was not built."""
        begins = boundaries(documents)
        order, offsets = (_file(folder, epoch, name) for name in ("order", "offsets"))
        for file, count in ((order, begins[-1]), (offsets, begins[-1] + len(documents))):
            if not file.is_file():
                raise IndexCacheError(f"{file}: missing: run snakemake again, which builds it")
            if np.load(file, mmap_mode="r").shape != (count,):
                raise IndexCacheError(f"{file}: built for other pairs: delete {folder} and run snakemake again")
        return cls(np.load(order, mmap_mode="r"), np.load(offsets, mmap_mode="r"), begins)

    def of(self, pair: int) -> tuple[npt.NDArray[np.int32], Numbers]:
        """A pair's documents in order, shape [documents], and where each begins, shape [documents + 1]."""
        begin, end = int(self.begins[pair]), int(self.begins[pair + 1])
        return self.order[begin:end], self.offsets[begin + pair : end + pair + 1]


@dataclass(frozen=True)
class DatasetStream:
    """A dataset's part of an index cache. prefixes: of its pairs. documents, tokens: of each, shape [pairs]."""

    folder: Path
    prefixes: list[str]
    documents: Numbers
    tokens: Numbers

    @classmethod
    def open(cls, folder: Path, prefixes: list[str]) -> "DatasetStream":
        """prefixes: of its pairs. Raises IndexCacheError if it was not built for them."""
        if not (folder / PAIRS).is_file():
            raise IndexCacheError(f"{folder / PAIRS}: missing: run snakemake again, which builds it")
        table = np.load(folder / PAIRS)
        if len(table) != len(prefixes):
            raise IndexCacheError(
                f"{folder}: holds {len(table):,} pairs, the blend {len(prefixes):,}: delete it and run snakemake again"
            )
        return cls(folder, prefixes, table[:, 0], table[:, 1])

    def epoch(self, number: int) -> EpochIndex:
        """One of its epochs."""
        return EpochIndex.open(self.folder, number, self.documents)


def open_streams(blend: Path, folders: Mapping[str, str]) -> dict[str, DatasetStream]:
    """The streams of a phase's datasets. blend: its blend.json. folders: by dataset, of the index cache's receipt."""
    prefixes = train_prefixes(blend)
    return {dataset: DatasetStream.open(Path(folder), prefixes[dataset]) for dataset, folder in folders.items()}


def build_index_cache(
    blend: Path, blend_receipt: Path, key: IndexCacheKey, streams: Path, receipt: Path, processes: int = 1
) -> None:
    """
    Build the missing epochs of the index caches that a phase reads, and a receipt that lists their folders.

    blend, blend_receipt: the phase's mixture. key: `seed`, and `segments` of the phase, each with `data` of its spec,
    `length` and `samples`. streams: folder of all index caches. receipt: the file to write.
    Raises StreamError if a dataset's pairs are too short, IndexCacheError if the blend is not the one of the key.
    """
    run = Run(("numpy",))
    mixture, seed = read_receipt(blend_receipt, BlendReceipt), key["seed"]
    if any(segment["data"]["blend"] != mixture.content for segment in key["segments"]):
        raise IndexCacheError(f"{blend}: changed since the job was planned: run snakemake again")
    pairs = _pairs(mixture)
    identities = {dataset: digest_json([seed, *(entry.bin for entry in each)]) for dataset, each in pairs.items()}
    folders = {dataset: streams / f"{dataset}-{short(identity)}" for dataset, identity in identities.items()}
    epochs = _epochs(key, pairs)
    prefixes = train_prefixes(blend)
    outputs = []
    with ProcessPoolExecutor(processes) as pool:
        for dataset, entries in pairs.items():
            outputs.append(_table(folders[dataset], entries))
            for epoch in epochs[dataset]:
                work = [
                    (prefix, pair_seed(seed, entry.bin, epoch), entry)
                    for prefix, entry in zip(prefixes[dataset], entries, strict=True)
                ]
                outputs += _epoch(folders[dataset], epoch, work, pool)
    IndexCacheReceipt.made(
        run,
        key=key,
        inputs=[mixture.as_input(blend_receipt)],
        outputs=outputs,
        content=digest_json(identities),
        facts=IndexCacheFacts(
            folders={dataset: str(folder) for dataset, folder in folders.items()},
            epochs=epochs,
            pairs={dataset: len(entries) for dataset, entries in pairs.items()},
        ),
    ).write(receipt)


def _pairs(blend: BlendReceipt) -> dict[str, list[ShardEntry]]:
    """The pairs with tokens of each dataset of a blend, in catalogue order."""
    pairs = {}
    indexes = {path.parent.name: path for path in (Path(source.path) for source in blend.inputs)}
    for dataset in blend.facts.datasets:  # a share may depend on other indexes, too
        index = indexes[dataset]
        entries = read_entries(index.parent, read_receipt(index, IndexReceipt).facts.shards.digest)
        pairs[dataset] = [entry for entry in entries if entry.tokens > 0]
    return pairs


def _epochs(key: IndexCacheKey, pairs: Mapping[str, Sequence[ShardEntry]]) -> dict[str, list[int]]:
    """The epochs of each dataset that a phase's segments read."""
    tokens = {dataset: np.array([entry.tokens for entry in entries]) for dataset, entries in pairs.items()}
    epochs: dict[str, set[int]] = {dataset: set() for dataset in pairs}
    for segment in key["segments"]:
        sampler = SegmentSampler(segment["data"], segment["length"], key["seed"], tokens)
        for dataset, (first, last) in sampler.epochs(segment["samples"]).items():
            epochs[dataset] |= set(range(first, last + 1))
    return {dataset: sorted(numbers) for dataset, numbers in epochs.items()}


def _table(folder: Path, entries: Sequence[ShardEntry]) -> Output:
    if not (folder / PAIRS).is_file():
        with replaced(folder / PAIRS) as aside, aside.open("wb") as file:
            np.save(file, np.array([(entry.documents, entry.tokens) for entry in entries], dtype=np.int64))
    return Output.of(folder / PAIRS)


Work = tuple[str, int, ShardEntry]  # a pair's prefix, the seed of its documents' order, its entry


def _epoch(folder: Path, epoch: int, work: Sequence[Work], pool: ProcessPoolExecutor) -> list[Output]:
    """Build an epoch's two files, unless they exist."""
    files = [_file(folder, epoch, name) for name in ("order", "offsets")]
    if not all(file.is_file() for file in files):
        documents = sum(entry.documents for _, _, entry in work)
        with replaced(files[0]) as order_aside, replaced(files[1]) as offsets_aside:
            order = np.lib.format.open_memmap(order_aside, "w+", np.int32, (documents,))
            offsets = np.lib.format.open_memmap(offsets_aside, "w+", np.int64, (documents + len(work),))
            begin = 0
            run = map if len(work) <= SMALL else pool.map
            for number, (own_order, own_offsets) in enumerate(run(_ordered, work)):
                end = begin + len(own_order)
                order[begin:end] = own_order
                offsets[begin + number : end + number + 1] = own_offsets
                begin = end
            order.flush()
            offsets.flush()
    return [Output.of(file) for file in files]


def _ordered(work: Work) -> tuple[npt.NDArray[np.int32], Numbers]:
    """A pair's documents as an epoch reads them, and where each begins."""
    prefix, seed, entry = work
    lengths, _ = read_lengths(Pair(Path(prefix)))
    if len(lengths) != entry.documents or lengths.sum(dtype=np.int64) != entry.tokens:
        raise IndexCacheError(f"{prefix}.idx: differs from its dataset's index: run snakemake again")
    order = document_order(len(lengths), seed)
    return order, boundaries(lengths[order])


def _file(folder: Path, epoch: int, name: str) -> Path:
    return folder / f"epoch_{epoch:04d}.{name}.npy"
