"""
Are the bytes on disk those that were written?

Planning compares sizes and times, so a file that is damaged in place but keeps its size counts as fresh. An artifact's
receipt holds size and SHA-256 of its files, a pin those of a raw shard: here the bytes are read and compared with them.
"""

import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from shlex import join
from typing import NamedTuple

from tqdm import tqdm

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file
from nano3.artifact.paths import Folders
from nano3.artifact.receipt import ReceiptError
from nano3.artifact.steps import IndexReceipt, SegmentReceipt, StepReceipt, read_receipt
from nano3.config.recipe import Recipe
from nano3.core.formatting import many
from nano3.core.tsv import read_table
from nano3.corpus.shard_table import SHARDS, ShardTableError, read_entries
from nano3.raw.datasets import raw_file, read_dataset, read_pins, sampled
from nano3.training.spec import scheduled_segments


class VerifyError(Nano3Error):
    """A target matches nothing of the recipe."""


class CheckedArtifact(NamedTuple):
    """An artifact with a receipt. kind: shard, index, blend, cache, segment, export, lineage, report. words: names."""

    kind: str
    words: tuple[str, ...]
    receipt: str


class File(NamedTuple):
    """
    A file as it was written or pinned. bytes: None if not known. sha256: for a shards.tsv, the digest of its entries.
    delete: what to delete before `snakemake {build}` rebuilds it; both are empty for a local raw shard.
    """

    artifact: CheckedArtifact
    path: str
    bytes: int | None
    sha256: str
    delete: tuple[str, ...]
    build: str


@dataclass(frozen=True)
class Fault:
    """A damaged or missing file. delete: the existing part of its File's. build: see File."""

    kind: str
    path: str
    fault: str
    delete: tuple[str, ...]
    build: str


@dataclass(frozen=True)
class Verdict:
    """
    The result. files, bytes: compared. passed: files that the notes list. unmade: artifacts by kind that do not exist,
    so there is nothing to compare.
    """

    files: int
    bytes: int
    passed: int
    unmade: Mapping[str, int]
    faults: Sequence[Fault]


def verify(
    name: str,
    recipe: Recipe,
    targets: Sequence[str] = (),
    sizes: bool = False,
    raw: bool = False,
    notes: Path | None = None,
    threads: int | None = None,
) -> Verdict:
    """
    Compare the files of a recipe's artifacts with their receipts.

    name: of the artifacts. targets: datasets, phases, segments, kinds or paths; none: everything. sizes: compare sizes
    alone. raw: raw shards as well. notes: a file that lists every intact file with size and time; what it lists is
    skipped, so a stopped run resumes. threads: of reading; by default one per core.
    Raises VerifyError for a target that matches nothing.
    """
    by_receipt = {artifact.receipt: artifact for artifact in artifacts(name, recipe)}
    unmade = {path: artifact for path, artifact in by_receipt.items() if not os.path.exists(path)}
    files = [*_raw(recipe)] if raw else []
    for artifact in tqdm(by_receipt.values(), desc="receipts", unit="", leave=False, disable=None):
        if artifact.receipt not in unmade:
            files += _files(artifact, unmade)
    files = [*{(file.path, file.sha256): file for file in files}.values()]  # phases share index caches
    unmade = {path: unmade[path] for path in unmade.keys() - {file.path for file in files}}
    candidates: list[CheckedArtifact | File] = [*by_receipt.values(), *files]
    for target in targets:
        if not any(_matches(target, candidate) for candidate in candidates):
            raise VerifyError(
                f"{target}: recipe {name} has no such artifact: name a dataset, phase, segment or path, "
                "or another recipe with --recipe"
            )
    if targets:
        files = [file for file in files if any(_matches(target, file) for target in targets)]
        unmade = {path: each for path, each in unmade.items() if any(_matches(target, each) for target in targets)}
    lines = {tuple(line) for line in read_table(notes)} if notes and notes.is_file() else set()
    pending = [file for file in files if not (lines and _note(file) in lines)]
    faults: list[Fault] = []
    total = sum(file.bytes or 0 for file in pending)
    with ExitStack() as stack:
        pool = stack.enter_context(ThreadPoolExecutor(threads or os.cpu_count()))
        progress = stack.enter_context(tqdm(total=total, unit="B", unit_scale=True, disable=True if sizes else None))
        log = stack.enter_context(notes.open("a", encoding="utf-8")) if notes and not sizes else None
        for file, fault in zip(pending, pool.map(_size_fault if sizes else _fault, pending), strict=True):
            progress.update(file.bytes or 0)
            if fault:
                delete = tuple(filter(os.path.exists, file.delete))
                faults.append(Fault(file.artifact.kind, file.path, fault, delete, file.build))
            elif log:
                log.write("\t".join(_note(file)) + "\n")
                log.flush()
    counts = Counter(artifact.kind for artifact in unmade.values())
    return Verdict(len(pending), total, len(files) - len(pending), dict(counts), faults)


def artifacts(name: str, recipe: Recipe) -> Iterator[CheckedArtifact]:
    """All artifacts of a recipe, whether they exist or not."""
    folders = Folders.of(name, recipe.tokens_name)
    for dataset in recipe.datasets:
        for shard, _ in sampled(read_pins(dataset), recipe.sample, dataset):
            yield CheckedArtifact("shard", (dataset,), folders.train(dataset, shard.name, ".json"))
        yield CheckedArtifact("index", (dataset,), folders.index(dataset))
    for phase in recipe.phases:
        yield CheckedArtifact("blend", (phase,), folders.blend_receipt(phase))
        yield CheckedArtifact("cache", (phase,), folders.index_cache(phase))
    for place in scheduled_segments(recipe):
        words = (place.phase, f"{place.phase}/{place.segment}")
        yield CheckedArtifact("segment", words, folders.segment(place.phase, place.segment))
    ends = {"export": folders.export_files, "lineage": folders.lineage_files, "report": folders.report_files}
    for kind, (receipt, *_) in ends.items():
        yield CheckedArtifact(kind, (), receipt)


def _files(artifact: CheckedArtifact, unmade: Mapping[str, CheckedArtifact]) -> Iterator[File]:
    """The files of a receipt. unmade: artifacts without a receipt; one that an index lists is missing."""
    path = artifact.receipt
    try:
        receipt = read_receipt(path)
    except ReceiptError:
        yield File(artifact, path, None, "", (path,), path)
        return
    for output in receipt.outputs:
        delete, build = _remedy(artifact, output.path, receipt)
        yield File(artifact, output.path, output.bytes, output.sha256, delete, build)
    if isinstance(receipt, IndexReceipt):
        shards = str(Path(path).with_name(SHARDS))
        yield File(artifact, shards, None, receipt.facts.shards.digest, (shards,), path)
        for source in receipt.inputs:
            if shard := unmade.get(source.path):
                yield File(shard, shard.receipt, None, "", (), shard.receipt)


def _remedy(artifact: CheckedArtifact, path: str, receipt: StepReceipt) -> tuple[tuple[str, ...], str]:
    """What to delete and what to build if a file of an artifact is damaged or missing."""
    if isinstance(receipt, SegmentReceipt):
        checkpoint = Path(receipt.facts.checkpoint)
        weights = Path(path).is_relative_to(checkpoint)  # else metrics, rewritten from a file beside the weights
        return (str(checkpoint.parent) if weights else path, artifact.receipt), artifact.receipt
    if artifact.kind == "export":
        return (artifact.receipt,), artifact.receipt
    if artifact.kind == "cache":
        return (path, artifact.receipt), artifact.receipt
    return (path,), artifact.receipt if artifact.kind == "index" else path


def _raw(recipe: Recipe) -> Iterator[File]:
    """Pinned raw shards; of downloads, the existing ones."""
    for name in recipe.datasets:
        dataset = read_dataset(name)
        for shard, _ in sampled(read_pins(name), recipe.sample, name):
            path = raw_file(name, dataset, shard)
            if not dataset.remote or os.path.exists(path):
                delete, build = ((path,), path) if dataset.remote else ((), "")
                yield File(CheckedArtifact("raw", (name,), path), path, shard.bytes, shard.sha256, delete, build)


def _matches(target: str, item: CheckedArtifact | File) -> bool:
    """True if a target names an artifact or a file, by name, kind, path or folder."""
    artifact, path = (item.artifact, item.path) if isinstance(item, File) else (item, item.receipt)
    place = target.rstrip("/")
    return place in (*artifact.words, artifact.kind, artifact.receipt, path) or path.startswith(f"{place}/")


def _fault(file: File) -> str | None:
    """What is wrong with a file's bytes."""
    path = Path(file.path)
    if path.name == SHARDS and file.artifact.kind == "index":
        try:
            read_entries(path.parent, file.sha256)
        except ShardTableError:
            return "not what its index was made with" if path.exists() else "missing"
        return None
    try:
        return _size_fault(file) or (None if digest_file(path) == file.sha256 else "other bytes than were written")
    except OSError as error:
        return f"can't be read: {error.strerror}"


def _size_fault(file: File) -> str | None:
    """What is wrong with a file, by its size alone."""
    if not os.path.exists(file.path):
        return "missing"
    if file.bytes is None:
        return "not a receipt" if file.path == file.artifact.receipt else None
    size = os.path.getsize(file.path)
    return None if size == file.bytes else f"{size:,} bytes instead of {file.bytes:,}"


def _note(file: File) -> tuple[str, ...]:
    """A file's line in the notes: path, digest, current size and time; empty if it is missing."""
    try:
        now = os.stat(file.path)
    except OSError:
        return ()
    return file.path, file.sha256, str(now.st_size), str(now.st_mtime_ns)


def command(fault: Fault, config: Sequence[str]) -> str:
    """What builds a file again."""
    return join(["snakemake", fault.build, *config]) if fault.build else ""


def as_text(verdict: Verdict, config: Sequence[str]) -> str:
    """A line for each fault, then what was compared."""
    lines = []
    for fault in verdict.faults:
        deleted = f"delete {' and '.join(fault.delete)}, then " if fault.delete else ""
        remedy = f"{deleted}run `{command(fault, config)}`" if fault.build else "restore it, or pin its dataset again"
        lines.append(f"{fault.path}: {fault.fault}: {remedy}")
    lines.append(
        f"{many(verdict.files, 'file')}, {many(verdict.bytes, 'byte')}: {len(verdict.faults):,} damaged or missing"
        + (f"; the notes list {many(verdict.passed, 'file')} more" if verdict.passed else "")
        + "".join(f"; {kind}: {count:,} not made yet" for kind, count in verdict.unmade.items())
    )
    return "\n".join(lines)
