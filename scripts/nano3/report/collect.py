"""Which receipts make a report? Those of an export's closure, with the metrics that they list."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from nano3.artifact.digest import digest_file
from nano3.artifact.receipt import Output
from nano3.artifact.steps import BlendReceipt, IndexReceipt, SegmentReceipt
from nano3.provenance.lineage import Receipts, dataset_of_index
from nano3.provenance.shard_records import ShardRecord, folded
from nano3.report.facts import DatasetSummary, Metrics, PhaseSummary, ReportError, SegmentSummary, Story

METRICS = "metrics.jsonl"
LISTED = 100  # shards of a dataset, in the page


def collect(receipts: Receipts, shards: Iterable[ShardRecord]) -> Story:
    """
    The story that receipts tell. receipts: of an export and all that it stands on, the export first. shards: of all
    its datasets.

    Datasets come by tokens, most first; phases and segments in the order of training.
    Raises ReportError if no segment is among them, or a segment's metrics are not the ones that its receipt lists.
    """
    export = next(iter(receipts))
    trained = [(path, receipt) for path, receipt in receipts.items() if isinstance(receipt, SegmentReceipt)]
    trained.sort(key=lambda each: each[1].key["steps"]["first"])
    if not trained:
        raise ReportError(f"{export}: stands on no trained segment: give the receipt of an export")
    indexes = {path: receipt for path, receipt in receipts.items() if isinstance(receipt, IndexReceipt)}
    listed: dict[str, list[ShardRecord]] = {dataset_of_index(path): [] for path in indexes}
    folds = folded(_listing(shards, listed))
    datasets = [
        DatasetSummary(name, path, receipt.facts, folds[name], listed[name])
        for name, (path, receipt) in zip(listed, indexes.items(), strict=True)
    ]
    phases: dict[str, list[SegmentSummary]] = {}
    blends: dict[str, tuple[str, BlendReceipt]] = {}
    for path, receipt in trained:
        phase = receipt.facts.phase
        phases.setdefault(phase, []).append(SegmentSummary(path, receipt, _metrics(path, receipt.outputs)))
        blends[phase] = _blend(path, receipts)
    return Story(
        receipts,
        export,
        tuple(sorted(datasets, key=lambda each: (-each.facts.tokens, each.name))),
        tuple(
            PhaseSummary(name, blends[name][0], blends[name][1].facts.pairs["train"], tuple(segments))
            for name, segments in phases.items()
        ),
    )


def _listing(shards: Iterable[ShardRecord], listed: Mapping[str, list[ShardRecord]]) -> Iterator[ShardRecord]:
    """The same shards; the first LISTED of each dataset are noted on the way."""
    for shard in shards:
        if len(listed[shard.dataset]) < LISTED:
            listed[shard.dataset].append(shard)
        yield shard


def _metrics(receipt: str, outputs: Sequence[Output]) -> Metrics:
    """The metrics that a segment's receipt lists. Raises ReportError if they are not there in that form."""
    listed = next((output for output in outputs if Path(output.path).name == METRICS), None)
    if listed is None:
        raise ReportError(f"{receipt}: lists no {METRICS}: delete it and build it again with `snakemake {receipt}`")
    path = Path(listed.path)
    if not path.is_file():
        raise ReportError(f"{path}: missing, but {receipt} lists it: build it again with `snakemake {path}`")
    if digest_file(path) != listed.sha256:
        raise ReportError(
            f"{path}: not the file that {receipt} lists: delete it and build it again with `snakemake {path}`"
        )
    with path.open(encoding="utf-8") as file:
        rows = [(step["tokens"], step["loss"], step["learning_rate"]) for step in map(json.loads, file)]
    return Metrics(*np.array(rows, dtype=np.float64).reshape(-1, 3).T)


def _blend(path: str, receipts: Receipts) -> tuple[str, BlendReceipt]:
    """The blend that a segment was trained on."""
    for source in receipts[path].inputs:
        blend = receipts.get(source.path)
        if isinstance(blend, BlendReceipt):
            return source.path, blend
    raise ReportError(f"{path}: its inputs name no blend: delete it and build it again with `snakemake {path}`")
