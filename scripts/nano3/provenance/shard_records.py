"""
How does a lineage hold 100,000 shards?

Their receipts are read once, one after another. Each becomes a line of a table, and the lines of a dataset are folded
into sums and digests, so neither memory nor what people see grows with them.
"""

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import astuple, dataclass, field, fields
from itertools import groupby
from pathlib import Path
from typing import Any, get_type_hints

from nano3.artifact.files import replaced
from nano3.artifact.receipt import Input
from nano3.artifact.steps import IndexReceipt, ShardReceipt, read_receipt
from nano3.core.tsv import read_table, table_writer
from nano3.provenance.lineage import LineageError, check, dataset_of_index, software_name, software_of


@dataclass(frozen=True, slots=True)
class ShardRecord:
    """
    A raw shard and the token pair it became.

    raw, sha256: the raw file. origin: where it was downloaded from. receipt, content: of the pair. bytes: of the pair
    and of its held-out documents. documents, tokens: of training. processor_seconds: 0 if not measured. software: see
    software_name.
    """

    dataset: str
    shard: str
    raw: str
    sha256: str
    origin: str
    receipt: str
    content: str
    rows: int
    documents: int
    tokens: int
    bytes: int
    started: str
    ended: str
    seconds: float
    processor_seconds: float
    host: str
    slurm_job: str
    software: str


COLUMNS = [field.name for field in fields(ShardRecord)]


class ShardRecords:
    """
    Reads the shards of datasets from their receipts, one after another. software, other_inputs: collected by dataset,
    the software that made them and the files that they used besides the raw one.
    """

    def __init__(self) -> None:
        self.software: dict[str, dict[str, dict[str, Any]]] = {}
        self.other_inputs: dict[str, dict[str, str]] = {}

    def read(self, path: str, index: IndexReceipt) -> Iterator[ShardRecord]:
        """
        The shards of a dataset in catalogue order. path, index: the dataset's index, which is a receipt.

        Raises LineageError for a pair that has changed since the index was built.
        """
        dataset = dataset_of_index(path)
        software, other_inputs = self.software.setdefault(dataset, {}), self.other_inputs.setdefault(dataset, {})
        for source in index.inputs:
            if source.kind != "receipt":
                continue
            receipt = read_receipt(source.path, ShardReceipt)
            check(path, source, receipt)
            version = software_of(receipt)
            name = software_name(version)
            software.setdefault(name, version)
            raw, *others = (each for each in receipt.inputs if each.kind == "file")
            other_inputs.update((each.path, each.digest) for each in others)
            yield _shard(dataset, source.path, receipt, raw, name)


@contextmanager
def written(path: Path, shards: Iterable[ShardRecord]) -> Iterator[Iterator[ShardRecord]]:
    """The same shards, each written to a table as it is consumed. The table appears when the block ends."""
    with replaced(path) as aside, table_writer(aside, COLUMNS) as writer:

        def lines() -> Iterator[ShardRecord]:
            for shard in shards:
                writer.writerow(astuple(shard))
                yield shard

        yield lines()


@dataclass
class Fold:
    """
    The shards of one dataset together. raw_digest, digest: SHA-256 of the lines that `sha256sum` would print, of the
    raw files and of the receipts with their contents in place of their bytes' digest.
    """

    dataset: str
    shards: int = 0
    rows: int = 0
    documents: int = 0
    tokens: int = 0
    bytes: int = 0
    seconds: float = 0.0
    processor_seconds: float = 0.0
    started: str = ""
    ended: str = ""
    hosts: set[str] = field(default_factory=set)
    slurm_jobs: set[str] = field(default_factory=set)
    raw_digest: str = ""
    digest: str = ""

    @classmethod
    def of(cls, dataset: str, shards: Iterable[ShardRecord]) -> "Fold":
        """All these shards, which are of the dataset."""
        fold, raw, pairs = cls(dataset), hashlib.sha256(), hashlib.sha256()
        for shard in shards:
            fold.shards += 1
            fold.rows += shard.rows
            fold.documents += shard.documents
            fold.tokens += shard.tokens
            fold.bytes += shard.bytes
            fold.seconds += shard.seconds
            fold.processor_seconds += shard.processor_seconds
            fold.started = min(fold.started or shard.started, shard.started)
            fold.ended = max(fold.ended, shard.ended)
            fold.hosts.add(shard.host)
            fold.slurm_jobs.update(filter(None, [shard.slurm_job]))
            raw.update(f"{shard.sha256}  {shard.raw}\n".encode())
            pairs.update(f"{shard.content}  {shard.receipt}\n".encode())
        fold.raw_digest, fold.digest = raw.hexdigest(), pairs.hexdigest()
        return fold


def folded(shards: Iterable[ShardRecord]) -> dict[str, Fold]:
    """The shards of all datasets, folded by dataset. shards: those of a dataset are consecutive."""
    return {dataset: Fold.of(dataset, group) for dataset, group in groupby(shards, lambda shard: shard.dataset)}


def read_shards(path: Path) -> Iterator[ShardRecord]:
    """The shards of a table that `written` wrote. Raises LineageError if it is not one."""
    kinds = list(get_type_hints(ShardRecord).values())
    lines = read_table(path)
    if next(lines, None) != COLUMNS:
        raise LineageError(f"{path}: not a table of shards: delete it and build it with `snakemake {path}`")
    for line in lines:
        yield ShardRecord(*(kind(word) for kind, word in zip(kinds, line, strict=True)))


def _shard(dataset: str, path: str, receipt: ShardReceipt, raw: Input, software: str) -> ShardRecord:
    facts, run = receipt.facts, receipt.run
    return ShardRecord(
        dataset=dataset,
        shard=Path(path).stem,
        raw=raw.path,
        sha256=raw.digest,
        origin=facts.origin,
        receipt=path,
        content=receipt.content,
        rows=facts.rows,
        documents=facts.documents,
        tokens=facts.tokens,
        bytes=sum(output.bytes for output in receipt.outputs),
        started=run.started,
        ended=run.ended,
        seconds=run.seconds,
        processor_seconds=run.processor_seconds,
        host=run.host,
        slurm_job=run.slurm_job or "",
        software=software,
    )
