"""
What a finished run leaves, without the work: true keys in receipts of every step, beside small or empty files.

Contents follow from keys and from the contents of what an artifact was made from, as the bytes of real ones do.
"""

import os
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nano3.artifact.digest import canonical_json, digest_json, short
from nano3.artifact.paths import WEIGHTS
from nano3.artifact.receipt import Input, Output, Run, RunRecord
from nano3.artifact.steps import (
    BlendedDataset,
    BlendFacts,
    BlendReceipt,
    ExportFacts,
    ExportReceipt,
    IndexCacheFacts,
    IndexCacheReceipt,
    IndexFacts,
    IndexReceipt,
    LineageFacts,
    LineageReceipt,
    LogitCheck,
    LossRange,
    R,
    RealizedMixture,
    ReportFacts,
    ReportReceipt,
    SegmentFacts,
    SegmentReceipt,
    ShardFacts,
    ShardReceipt,
    ShardsDigest,
    SplitCount,
    read_receipt,
)
from nano3.config.mixture import as_floats, resolved
from nano3.corpus.shard_table import INDEX_FILES, ShardEntry, digest_entries, write_entries
from nano3.graph import keys
from nano3.graph.request import Request
from nano3.training.spec import PhaseBlend, scheduled_segments, segment_specs
from tests.conftest import REPOSITORY

SHARD_SECONDS, TOKENS_PER_SECOND = 2.0, 1000
TOKENS, FILE_BYTES = 1_000_000, 300


class Lasted(Run):
    """A run of so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self.seconds = seconds

    def record(self) -> RunRecord:
        now = "2026-01-01T00:00:00+00:00"
        return RunRecord(now, now, self.seconds, self.seconds, "host", None, None, None, "3.11", {})


def copy_catalogue(target: Path) -> Path:
    """The repository's recipes and datasets, to edit, and its raw shards, which are linked."""
    shutil.copytree(REPOSITORY / "config", target / "config")
    shutil.copytree(REPOSITORY / "resources/tiny", target / "resources/tiny", copy_function=os.link)
    return target


def everything(request: Request) -> None:
    """Leave all that a recipe asks for."""
    corpus(request)
    training(request)


def corpus(request: Request) -> None:
    """Leave tokens, indexes and blends."""
    indexes = {dataset: tokens(request, dataset) for dataset in request.datasets}
    for phase in request.recipe.phases:
        blend(request, phase, {dataset: indexes[dataset] for dataset in keys.blend_datasets(request.recipe, phase)})


def tokens(request: Request, dataset: str) -> IndexReceipt:
    """Leave all of a dataset's tokens and their index."""
    folder, entries = request.tokens(dataset), []
    for name, (shard, _) in request.shards[dataset].items():
        facts = ShardFacts(
            rows=1, documents=1, tokens=TOKENS, valid=[], test=[], skipped=[], bytes_in=shard.bytes, origin=shard.path
        )
        files = [
            f(dataset, name, ending)
            for f in (request.paths.train, request.paths.holdout)
            for ending in (".bin", ".idx")
        ]
        path = Path(request.paths.train(dataset, name, ".json"))
        key = request.shard_key(dataset, name)
        leave(path, ShardReceipt, key, {}, files, facts, SHARD_SECONDS, without_code(key))
        entries.append(ShardEntry.of(name, read_receipt(path, ShardReceipt), path.stat().st_mtime_ns))
    write_entries(folder, entries)
    for name in INDEX_FILES[2:]:
        (folder / name).touch()
    digest = digest_entries(entries)
    counts = IndexFacts(
        tokens=TOKENS * len(entries),
        documents=len(entries),
        rows=len(entries),
        skipped=0,
        shards=ShardsDigest(len(entries), digest),
        valid=SplitCount(TOKENS, 1),
        test=SplitCount(0, 0),
    )
    shards = {request.paths.train(dataset, entry.shard, ".json"): entry.content for entry in entries}
    return leave(request.paths.index(dataset), IndexReceipt, request.index_key(dataset), shards, [], counts, 1, digest)


def blend(request: Request, phase: str, indexes: Mapping[str, IndexReceipt]) -> BlendReceipt:
    """Leave a phase's blend of these indexes."""
    decision = keys.mixture_decision(request.recipe, phase)
    counts = {dataset: index.facts.tokens for dataset, index in indexes.items()}
    shares = as_floats({part.dataset: part.share for part in resolved(decision, counts)})
    datasets = {name: BlendedDataset(share, counts[name], 1) for name, share in shares.items()}
    return leave(
        request.paths.blend_receipt(phase),
        BlendReceipt,
        keys.blend_key(request.recipe, phase),
        {request.paths.index(dataset): index.content for dataset, index in indexes.items()},
        [request.paths.blend(phase)],
        BlendFacts(datasets=datasets, pairs={}),
        1,
        [shares, {name: indexes[name].content for name in shares}],
    )


def training(request: Request) -> None:
    """Leave all that stands behind the blends that are there."""
    paths = request.paths
    blends = {phase: read_receipt(paths.blend_receipt(phase), BlendReceipt) for phase in request.recipe.phases}
    specs = segment_specs(request.recipe, {phase: PhaseBlend.of(receipt) for phase, receipt in blends.items()})
    caches: dict[str, IndexCacheReceipt] = {}
    for phase, receipt in blends.items():
        key = keys.index_cache_key(specs, phase)
        order = f"results/streams/{short(digest_json(key['segments']))}"
        listed = IndexCacheFacts(folders={}, epochs={}, pairs={})
        sources = {paths.blend_receipt(phase): receipt.content}
        path = paths.index_cache(phase)
        caches[phase] = leave(path, IndexCacheReceipt, key, sources, [order], listed, 1, without_code(key))
    before: dict[str, str] = {}
    for each in scheduled_segments(request.recipe):
        place, spec = (each.phase, each.segment), specs[each.phase, each.segment]
        weights = Path(WEIGHTS) / short(digest_json(spec)) / f"iter_{each.first_step + each.steps:07}"
        weights.mkdir(parents=True, exist_ok=True)
        facts = SegmentFacts(
            phase=each.phase,
            segment=each.segment,
            checkpoint=str(weights),
            steps=each.first_step + each.steps,
            tokens=each.tokens,
            tokens_seen=each.last_token,
            loss=LossRange(2.0, 1.0),
            mixture=RealizedMixture(dict(spec["data"]["shares"]), {}, 0.0, 0.0),
            ledger={},
            seconds_of_steps=each.tokens / TOKENS_PER_SECOND,
            parameters=1,
            validation={},
        )
        sources = {paths.blend_receipt(each.phase): blends[each.phase].content} | before
        sources |= {paths.index_cache(each.phase): caches[each.phase].content}
        path = paths.segment(*place)
        segment = leave(path, SegmentReceipt, spec, sources, [paths.metrics(*place)], facts, 1, spec)
        before = {path: segment.content}
    (Path(paths.export) / "model").mkdir(parents=True, exist_ok=True)
    export, lineage, report = (files[0] for files in (paths.export_files, paths.lineage_files, paths.report_files))
    key = keys.export_key(request.recipe)
    checks = ExportFacts(logits=LogitCheck(0.0, 1e-4, 1))
    exported = leave(export, ExportReceipt, key, before, paths.export_files[1:2], checks, 1, [before, key])
    from_export = {export: exported.content}
    counted = LineageFacts(entity=1, activity=1, agent=1, shards=1)
    key = keys.lineage_key()
    leave(lineage, LineageReceipt, key, from_export, paths.lineage_files[1:], counted, 1, [exported.content, key])
    key = keys.report_key(request.name)
    leave(report, ReportReceipt, key, from_export, paths.report_files[1:], ReportFacts(), 1, [exported.content, key])


def leave(
    path: Path | str,
    kind: type[R],
    key: Any,
    sources: Mapping[str, str],
    files: Iterable[str],
    facts: Any,
    seconds: float,
    content: Any,
) -> R:
    """Write an artifact's files and then its receipt. sources: contents by path. content: what decides the bytes."""
    outputs = []
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        text = canonical_json([Path(file).name, content])[:FILE_BYTES].encode().ljust(FILE_BYTES)
        Path(file).write_bytes(text)
        outputs.append(Output.of(Path(file)))
    inputs = [Input("receipt", source, digest) for source, digest in sources.items()]
    receipt = kind.made(
        Lasted(seconds), key=key, inputs=inputs, outputs=outputs, facts=facts, content=digest_json(content)
    )
    receipt.write(Path(path))
    return receipt


def without_code(key: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in key.items() if name != "code"}
