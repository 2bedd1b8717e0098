"""
What would it cost? The work to do, times what receipts measured on earlier work of the same kind; without such a
receipt there is no estimate. Indexes, blends, export and report are not counted, nor process start and evaluation.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import astuple, dataclass
from functools import reduce
from operator import add
from pathlib import Path

from nano3.artifact.digest import digest_json, short
from nano3.artifact.paths import CHECKPOINTS, WEIGHTS
from nano3.artifact.receipt import ReceiptError
from nano3.artifact.steps import R, SegmentReceipt, ShardReceipt, read_receipt
from nano3.core.formatting import SPACE, many, size
from nano3.graph.nodes import Certainty, Node, ancestors
from nano3.graph.request import Request
from nano3.graph.state import State
from nano3.raw.datasets import Shard, raw_file
from nano3.training.spec import ScheduledSegment, scheduled_segments

PER_DATASET = 16  # receipts of shards that are read for a rate


@dataclass(frozen=True)
class Tokenizing:
    """
    Shards to tokenize. bytes: raw. download: bytes of them that are not here yet. seconds: of one process; longest: of
    the longest shard. written: bytes of tokens. basis: where the rates are from. None where nothing was measured.
    """

    shards: int
    bytes: int
    download: int
    seconds: float | None
    longest: float | None
    written: int | None
    basis: str


@dataclass(frozen=True)
class Training:
    """Segments to train. tokens: left to train on. seconds: of all GPUs together, or of the CPU process without any."""

    segments: int
    tokens: int
    seconds: float | None
    gpus: int
    basis: str


@dataclass(frozen=True)
class Estimate:
    """What will run for certain, what may, and the time that both take on this many jobs at a time."""

    tokenizing: Tokenizing | None
    training: Training | None
    perhaps: Training | None
    jobs: int

    def wall(self, certainty: Certainty) -> float | None:
        """Seconds until all is done that runs at least this certainly; None if one of its parts has no estimate."""
        parts: list[Tokenizing | Training] = [part for part in (self.tokenizing, self.training) if part]
        if certainty == Certainty.IF and self.perhaps:
            parts.append(self.perhaps)
        seconds = [_wall(part, self.jobs) for part in parts]
        known = [second for second in seconds if second is not None]
        return sum(known) if len(known) == len(seconds) else None


@dataclass(frozen=True)
class Rate:
    """Sums over some receipts. bytes: raw. seconds: of one process. written: bytes of tokens."""

    receipts: int
    bytes: int
    seconds: float
    written: int

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))


def estimate(state: State, nodes: Iterable[Node], jobs: int) -> Estimate:
    """The cost of the nodes that run. jobs: at a time."""
    nodes = list(nodes)
    running = {certainty: [node for node in nodes if node.runs == certainty] for certainty in Certainty}
    shards = {
        node.name: [shard for names in (node.changed | node.absent).values() for shard in names]
        for node in running[Certainty.WILL]
        if node.kind == "tokens"
    }
    return Estimate(
        _tokenizing(state.request, shards) if shards else None,
        _training(state, running[Certainty.WILL]),
        _training(state, running[Certainty.IF]),
        jobs,
    )


def _wall(part: Tokenizing | Training, jobs: int) -> float | None:
    if part.seconds is None:
        return None
    if isinstance(part, Training):
        return part.seconds / max(1, part.gpus)
    return max(part.seconds / min(jobs, part.shards), part.longest or 0.0)


def _tokenizing(request: Request, stale: Mapping[str, Sequence[str]]) -> Tokenizing:
    rates = {dataset: rate for dataset in request.datasets if (rate := _rate(request, dataset))}
    sizes = {dataset: [_taken(*request.shards[dataset][name]) for name in names] for dataset, names in stale.items()}
    shards, total = sum(map(len, sizes.values())), sum(map(sum, sizes.values()))
    download = sum(
        request.shards[dataset][name][0].bytes
        for dataset, names in stale.items()
        for name in names
        if _absent(request, dataset, request.shards[dataset][name][0])
    )
    if not rates:
        return Tokenizing(shards, total, download, None, None, None, "nothing was measured yet")
    mean = reduce(add, rates.values())
    seconds = longest = written = 0.0
    for dataset, amounts in sizes.items():
        rate = rates.get(dataset, mean)
        seconds += sum(amounts) * rate.seconds / rate.bytes
        written += sum(amounts) * rate.written / rate.bytes
        longest = max(longest, max(amounts) * rate.seconds / rate.bytes)
    speed = size(round(mean.bytes / mean.seconds)).replace(SPACE, " ")
    basis = f"{speed}/s per process, from {many(mean.receipts, 'receipt')}"
    return Tokenizing(shards, total, download, seconds, longest, round(written), basis)


def _taken(shard: Shard, rows: int | None) -> int:
    """Raw bytes that are read of a shard, if all rows were of one length."""
    return shard.bytes if rows is None or not shard.rows else shard.bytes * rows // shard.rows


def _absent(request: Request, dataset: str, shard: Shard) -> bool:
    description = request.datasets[dataset]
    return description.remote and not Path(raw_file(dataset, description, shard)).exists()


def _rate(request: Request, dataset: str) -> Rate | None:
    """What a dataset's shards took, with the tokens that are asked for or else with any others."""
    here = request.tokens(dataset)
    names = list(request.shards[dataset])
    step = max(1, len(names) // PER_DATASET)
    for folder in (here, *sorted(here.parent.parent.glob(f"*/{dataset}"))):
        paths = [folder / "train" / f"{name}.json" for name in names[::step]]
        receipts = [receipt for path in paths if (receipt := _read(path, ShardReceipt)) and receipt.key["rows"] is None]
        total = sum(receipt.facts.bytes_in for receipt in receipts)
        seconds = sum(receipt.run.seconds for receipt in receipts)
        if total and seconds:
            written = sum(output.bytes for receipt in receipts for output in receipt.outputs)
            return Rate(len(receipts), total, seconds, written)
    return None


def _training(state: State, nodes: Iterable[Node]) -> Training | None:
    places = {f"{each.phase}/{each.segment}": each for each in scheduled_segments(state.request.recipe)}
    segments = {places[node.name]: node for node in nodes if node.kind == "segment"}
    if not segments:
        return None
    model = next(iter(state.specs.values()))["model"]
    receipts = (_read(path, SegmentReceipt) for path in sorted(Path(CHECKPOINTS).glob("*/*/*/receipt.json")))
    measured = [receipt for receipt in receipts if receipt and receipt.key["model"] == model]
    left = {scheduled: scheduled.tokens - _done(state, scheduled, node) for scheduled, node in segments.items()}
    tokens = sum(left.values())
    if not measured:
        return Training(len(segments), tokens, None, 0, "nothing was measured yet with this model")
    gpus = max(receipt.facts.gpus for receipt in measured)
    seconds = sum(amount / _speed(measured, scheduled, gpus) for scheduled, amount in left.items())
    device = f"tokens/s per GPU on {gpus} GPUs" if gpus else "tokens/s on a CPU"
    speed = f"{tokens / seconds:,.0f} {device}, " if seconds else ""
    return Training(len(segments), tokens, seconds, gpus, f"{speed}from {many(len(measured), 'receipt')} of this model")


def _done(state: State, scheduled: ScheduledSegment, node: Node) -> int:
    """Tokens of a segment that need no training: it resumes from its weights, or shares those of another recipe."""
    if any(above.kind == "blend" and above.runs for above in ancestors([node])):
        return 0
    spec = state.specs[scheduled.phase, scheduled.segment]
    folder = Path(state.request.recipe.checkpoint.save or WEIGHTS) / short(digest_json(spec))
    steps = [int(match[1]) for path in folder.glob("iter_*") if (match := re.fullmatch(r"iter_(\d+)", path.name))]
    done = min(scheduled.steps, max(0, max(steps, default=0) - scheduled.first_step))
    return done * scheduled.global_batch_size * scheduled.sequence_length


def _speed(measured: Sequence[SegmentReceipt], scheduled: ScheduledSegment, gpus: int) -> float:
    """Tokens per second, of one GPU if there are any; of segments with the same batch and sequence if there are any."""
    batch = {"global_batch_size": scheduled.global_batch_size, "sequence_length": scheduled.sequence_length}
    alike = [receipt for receipt in measured if receipt.key["batch"] == batch] or measured
    if gpus:
        alike = [receipt for receipt in alike if receipt.facts.gpus] or alike
    seconds = sum(receipt.facts.seconds_of_steps * (receipt.facts.gpus or 1) for receipt in alike)
    return float(sum(receipt.facts.tokens for receipt in alike) / seconds)


def _read(path: Path, kind: type[R]) -> R | None:
    try:
        return read_receipt(path, kind)
    except ReceiptError:
        return None
