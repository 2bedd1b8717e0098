"""
Is an artifact stale, and why? Its receipt says what it was made from and by which key; both are compared with today's.

The one judge: the rules force what it calls stale, the plan shows it, and nobody looks at a clock. What an artifact was
made from counts by content, so what came out the same again makes nothing stale. What follows when something is made
again is not judged here: for the plan see nano3.graph.nodes, in a run Snakemake follows its own graph.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec

from nano3.artifact.receipt import Receipt, ReceiptError, SchemaError, missing_output
from nano3.artifact.steps import (
    BlendReceipt,
    ExportReceipt,
    IndexCacheReceipt,
    IndexFacts,
    IndexReceipt,
    LineageReceipt,
    R,
    ReportReceipt,
    SegmentReceipt,
    Spec,
    read_receipt,
)
from nano3.corpus.freshness import Survey, survey
from nano3.graph import keys, reasons
from nano3.graph.request import Place, Request
from nano3.sampling.blend import normalized
from nano3.training.spec import PhaseBlend

Specs = Mapping[Place, Spec]


class IndexHead(msgspec.Struct, frozen=True, tag_field="step", tag="index_dataset"):
    """What is judged of a dataset index."""

    schema: int
    content: str
    key: dict[str, Any]
    facts: IndexFacts


@dataclass(frozen=True)
class Freshness:
    """
    present: whether all files of the artifact are there. reason: why it is stale, if it is there; None if it is fresh.
    implied: its sources' reasons say the same.
    """

    present: bool
    reason: str | None = None
    implied: bool = False

    @property
    def fresh(self) -> bool:
        """Whether it is there as it would be made today."""
        return self.present and self.reason is None

    @property
    def stale(self) -> bool:
        """Whether it is there, and not as it would be made today."""
        return self.present and self.reason is not None


def judge_tokens(request: Request, dataset: str, trust: bool = True) -> Survey:
    """The shards of a dataset. trust: believe its shards.tsv; otherwise every receipt is read."""
    return survey(request.tokens(dataset), request.shards[dataset], request.shared_key(dataset), trust)


def judge_index(request: Request, dataset: str, tokens: Survey) -> Freshness:
    """A dataset index, given its shards. A new shard makes it stale, one whose tokens are only gone does not."""
    path = request.paths.index(dataset)
    if not os.path.exists(path):
        return Freshness(False)
    receipt = read_index(path)
    if receipt is None:
        return Freshness(True, reasons.DAMAGED)
    changed = reasons.changes("index", receipt.key, request.index_key(dataset))
    told_of_shards = bool(tokens.stale) and changed == [reasons.SHARDS]  # the list's digest has their raw bytes, too
    return Freshness(True, reasons.joined(changed) or tokens.behind, told_of_shards)


def judge_blend(request: Request, phase: str, surveyed: Callable[[str], Survey]) -> Freshness:
    """
    A phase's blend, given the dataset indexes as they are. One that is not there is always made.

    surveyed: the shards of a dataset. A list of shards that changed makes an index stale, and without one the blend.
    """
    receipt, verdict = _judged(request.paths.blend_files(phase), BlendReceipt)
    if receipt is None:
        return verdict
    changed = reasons.changes("blend", receipt.key, keys.blend_key(request.recipe, phase))
    used = _digests(receipt, "receipt")
    for dataset in keys.blend_datasets(request.recipe, phase):
        path = request.paths.index(dataset)
        index = read_index(path)
        if path in used and index and index.content != used[path]:
            changed.append(f"the index of {dataset} was made again")
        if not os.path.exists(path) and surveyed(dataset).relisted:
            changed.append(f"the list of shards of {dataset} changed")
    return Freshness(True, reasons.joined(changed), changed == [reasons.TOKENS])


def judge_cache(
    request: Request, phase: str, specs: Specs, blend_known: bool = True, earlier_known: bool = True
) -> Freshness:
    """
    A phase's index cache. One that is not there, or not whole, is always made.

    specs: of the phase's segments. blend_known: whether they have the blend that it will be made from. earlier_known:
    whether they have those of the phases before it.
    """
    receipt, verdict = _judged([request.paths.index_cache(phase)], IndexCacheReceipt)
    if receipt is None:
        return verdict
    today = keys.index_cache_key(specs, phase)
    segments: list[dict[str, Any]] = [{**segment} for segment in receipt.key["segments"]]
    for before, after in zip(segments, today["segments"], strict=False):
        before["data"] = _as_far_as_known(before["data"], after["data"], blend_known, blend_known and earlier_known)
    gone = [reasons.GONE] if missing_output(receipt) else []
    return Freshness(
        True, reasons.joined(reasons.changes("cache", {**receipt.key, "segments": segments}, today) or gone)
    )


def judge_segment(
    request: Request,
    place: Place,
    spec: Spec,
    blend_known: bool = True,
    earlier_known: bool = True,
    before_known: bool = True,
) -> Freshness:
    """
    A segment, given the one before it as it is.

    spec: today's. blend_known: whether it has the blend that the segment will be trained on. earlier_known: whether it
    has those of the phases before. before_known: whether the segments before it will stay.
    """
    receipt, verdict = _judged_or_torn(request.paths.segment_files(*place), SegmentReceipt)
    if receipt is None:
        return verdict
    was: dict[str, Any] = dict(receipt.key)
    was["data"] = _as_far_as_known(was["data"], spec["data"], blend_known, blend_known and earlier_known)
    if not before_known:
        was["before"] = spec["before"]
    number = request.places.index(place)
    before = {request.paths.segment(*each): SegmentReceipt for each in request.places[max(0, number - 1) : number]}
    again = [reasons.BEFORE] if _made_again(receipt, before) else []
    return Freshness(True, reasons.joined(reasons.changes("segment", was, spec) or again))


def judge_export(request: Request) -> Freshness:
    """The export, given the last segment as it is."""
    receipt, verdict = _judged_or_torn(request.paths.export_files, ExportReceipt)
    if receipt is None:
        return verdict
    changed = reasons.changes("export", receipt.key, keys.export_key(request.recipe))
    again = _made_again(receipt, {request.paths.segment(*request.places[-1]): SegmentReceipt})
    return Freshness(True, reasons.joined(changed or again))


def judge_lineage(request: Request) -> Freshness:
    """The lineage, given the export as it is."""
    receipt, verdict = _judged(request.paths.lineage_files, LineageReceipt)
    if receipt is None:
        return verdict
    changed = reasons.changes("lineage", receipt.key, keys.lineage_key())
    return Freshness(
        True, reasons.joined(changed or _made_again(receipt, {request.paths.export_files[0]: ExportReceipt}))
    )


def judge_report(request: Request) -> Freshness:
    """The report, given the export and the lineage as they are."""
    receipt, verdict = _judged(request.paths.report_files, ReportReceipt)
    if receipt is None:
        return verdict
    changed = reasons.changes("report", receipt.key, keys.report_key(request.name))
    again = _made_again(receipt, {request.paths.export_files[0]: ExportReceipt})
    lineage, used = read(request.paths.lineage_files[0], LineageReceipt), _digests(receipt, "file")
    for output in lineage.outputs if lineage else ():
        again += ["the lineage was made again"] if used.get(output.path, output.sha256) != output.sha256 else []
    return Freshness(True, reasons.joined(changed or again[:1]))


def share_moved(request: Request, phase: str, made_with: Mapping[str, float] | None) -> bool:
    """
    Whether a phase's blend can't come out as it was, for its shares are others.

    made_with: shares that something was made from; None if it is not there.
    """
    today = keys.mixture_decision(request.recipe, phase)
    if made_with is None or today.keys() - {"mixture"}:  # categories and caps: shares depend on tokens
        blend = read(request.paths.blend_receipt(phase), BlendReceipt)
        moved = blend is not None and normalized(blend.key["mixture"]) != normalized(today["mixture"])
        return moved and "over_cap" not in today
    shares = normalized(today["mixture"])
    return shares.keys() != made_with.keys() or not all(
        math.isclose(share, made_with[dataset], rel_tol=1e-12) for dataset, share in shares.items()
    )


def cache_shares(request: Request, phase: str) -> Mapping[str, float] | None:
    """The shares that a phase's index cache was built for; None if it is not there."""
    receipt = read(request.paths.index_cache(phase), IndexCacheReceipt)
    return receipt.key["segments"][0]["data"]["shares"] if receipt else None


def segment_shares(request: Request, place: Place) -> Mapping[str, float] | None:
    """The shares that a segment was trained on; None if it is not there."""
    receipt = read(request.paths.segment(*place), SegmentReceipt)
    return receipt.key["data"]["shares"] if receipt else None


def phase_blends(request: Request, phases: Iterable[str]) -> dict[str, PhaseBlend]:
    """The blends of phases as they are. Raises ReceiptError for one that is missing or damaged."""
    return {phase: PhaseBlend.of(read_receipt(request.paths.blend_receipt(phase), BlendReceipt)) for phase in phases}


def read(path: Path | str, kind: type[R]) -> R | None:
    """
    A receipt, or None where it is missing or damaged. It is read once as long as it is the same file.

    Raises SchemaError for one that another version of this repository wrote: whole, so not to be made again unasked.
    """
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    receipt: R | None = _read(str(path), kind, status.st_ino, status.st_mtime_ns, status.st_size)
    return receipt


def read_index(path: str) -> IndexHead | None:
    """As read, of a dataset index, but without its inputs: they are 100,000 shards, and nothing here asks for them."""
    try:
        status = os.stat(path)
    except FileNotFoundError:
        return None
    return _read_index(path, status.st_ino, status.st_mtime_ns, status.st_size)


@lru_cache(maxsize=256)
def _read_index(path: str, _inode: int, _written: int, _bytes: int) -> IndexHead | None:
    try:
        head = msgspec.json.decode(Path(path).read_bytes(), type=IndexHead)
    except msgspec.MsgspecError:
        head = None
    if head and head.schema == IndexReceipt.SCHEMA:
        return head
    read(path, IndexReceipt)  # which raises for another schema
    return None


@lru_cache(maxsize=256)
def _read(path: str, kind: type[Any], _inode: int, _written: int, _bytes: int) -> Any:
    try:
        return read_receipt(path, kind)
    except SchemaError:
        raise
    except ReceiptError:
        return None


def _judged(files: Sequence[str], kind: type[R]) -> tuple[R | None, Freshness]:
    """The receipt of an artifact that is whole; otherwise None and the verdict. files: its own, the receipt first."""
    if not all(map(os.path.exists, files)):
        return None, Freshness(False)
    receipt = read(files[0], kind)
    return receipt, Freshness(True, None if receipt else reasons.DAMAGED)


def _judged_or_torn(files: Sequence[str], kind: type[R]) -> tuple[R | None, Freshness]:
    """
    As _judged, of an artifact that is stale if its receipt is there and another file of it is gone: Snakemake looks for
    the files that a job asks for alone, and would leave it as it is even if its key has changed.
    """
    receipt, verdict = _judged(files, kind)
    return receipt, Freshness(True, reasons.GONE) if not verdict.present and os.path.exists(files[0]) else verdict


def _digests(receipt: Receipt[Any, Any], kind: str) -> dict[str, str]:
    """What an artifact was made from, by path: contents of receipts or digests of files."""
    return {source.path: source.digest for source in receipt.inputs if source.kind == kind}


def _made_again(receipt: Receipt[Any, Any], sources: Mapping[str, type[Receipt[Any, Any]]]) -> list[str]:
    """Which of the artifacts that this one was made from have another content now, in words. sources: by receipt."""
    used = _digests(receipt, "receipt")
    again = []
    for path, kind in sources.items():
        source = read(path, kind)
        if source and used.get(path, source.content) != source.content:
            again.append(f"the {'export' if kind is ExportReceipt else 'segment'} was made again")
    return again


def _as_far_as_known(was: Any, today: Any, blend_known: bool, consumed_known: bool) -> dict[str, Any]:
    """What was read, where what is read today is not known as if it were the same."""
    unknown = ([] if blend_known else ["blend", "shares"]) + ([] if consumed_known else ["consumed"])
    return {**was, **{name: today[name] for name in unknown}}
