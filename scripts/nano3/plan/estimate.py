"""
What would it cost? The work to do, times what receipts measured on earlier work of the same kind. Work with another
tokenizer, other data or another model gives a first guess, which is said to be one; without any receipt there is no
estimate. Indexes, blends, export and report are not counted, nor process start and evaluation.
"""

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import astuple, dataclass
from functools import reduce
from itertools import islice
from operator import add
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from nano3.artifact.digest import digest_json, short
from nano3.artifact.paths import CHECKPOINTS, TOKENS, WEIGHTS
from nano3.artifact.steps import SegmentReceipt, ShardReceipt, receipt_or_none
from nano3.config.model import Model
from nano3.config.parameters import parameters
from nano3.core.formatting import SPACE, many, size
from nano3.graph.nodes import Certainty, Node, ancestors
from nano3.graph.request import Request
from nano3.graph.state import State
from nano3.plan.remarks import slow_engine, to_tokenize
from nano3.raw.datasets import Shard, raw_file
from nano3.training.spec import ScheduledSegment, scheduled_segments

PER_DATASET = 16  # receipts of shards that are read for a rate
SLOWER = 30  # times as long as gigatoken takes, docs/tokenize-benchmark.md


@dataclass(frozen=True)
class Tokenizing:
    """
    Shards to tokenize. bytes: raw. download: bytes of them that are not here yet. seconds: of one process; longest: of
    the longest shard. written: bytes of tokens. basis: where the rates are from. None where nothing was measured.
    guess: whether it was another tokenizer or engine that was measured, or other data.
    """

    shards: int
    bytes: int
    download: int
    seconds: float | None
    longest: float | None
    written: int | None
    basis: str
    guess: bool = False


@dataclass(frozen=True)
class Training:
    """
    Segments to train. tokens: left to train on. seconds: of all GPUs together, or of the CPU process without any.
    guess: whether it was another model that was measured.
    """

    segments: int
    tokens: int
    seconds: float | None
    gpus: int
    basis: str
    guess: bool = False


@dataclass(frozen=True)
class Estimate:
    """What will run for certain, what may, and the time that both take on this many jobs at a time."""

    tokenizing: Tokenizing | None
    training: Training | None
    perhaps: Training | None
    jobs: int

    @property
    def is_guess(self) -> bool:
        """Whether a part of it is only a first guess."""
        return any(part.guess for part in (self.tokenizing, self.training, self.perhaps) if part)

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

    @classmethod
    def of(cls, receipts: Sequence[ShardReceipt], engine: str | None) -> "Rate | None":
        """Of shards; None if they took no time or had no bytes. engine: as if it had encoded; None: as it was."""
        total = sum(receipt.facts.bytes_in for receipt in receipts)
        seconds = sum(_seconds(receipt, engine) for receipt in receipts)
        written = sum(output.bytes for receipt in receipts for output in receipt.outputs)
        return cls(len(receipts), total, seconds, written) if total and seconds else None

    def __add__(self, other: "Rate") -> "Rate":
        return Rate(*(one + another for one, another in zip(astuple(self), astuple(other), strict=True)))


def estimate(state: State, nodes: Iterable[Node], jobs: int) -> Estimate:
    """The cost of the nodes that run. jobs: at a time."""
    nodes = list(nodes)
    running = {certainty: [node for node in nodes if node.runs == certainty] for certainty in Certainty}
    shards = to_tokenize(nodes)
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
    sizes = {dataset: [_taken(*request.shards[dataset][name]) for name in names] for dataset, names in stale.items()}
    shards, total = sum(map(len, sizes.values())), sum(map(sum, sizes.values()))
    download = sum(
        request.shards[dataset][name][0].bytes
        for dataset, names in stale.items()
        for name in names
        if _absent(request, dataset, request.shards[dataset][name][0])
    )
    rates, guess = _rates(request)
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
    if guess:
        basis = f"first guess, {basis} of {guess}"
    return Tokenizing(shards, total, download, seconds, longest, round(written), basis, bool(guess))


def _taken(shard: Shard, rows: int | None) -> int:
    """Raw bytes that are read of a shard, if all rows were of one length."""
    return shard.bytes if rows is None or not shard.rows else shard.bytes * rows // shard.rows


def _absent(request: Request, dataset: str, shard: Shard) -> bool:
    description = request.datasets[dataset]
    return description.remote and not Path(raw_file(dataset, description, shard)).exists()


def _rates(request: Request) -> tuple[dict[str, Rate], str]:
    """
    What tokenizing took, by dataset, and what was measured instead if that makes it a guess; empty otherwise. Of other
    data there is one rate, under no dataset's name.
    """
    tokenizer, settings = request.recipe.tokenizer, request.recipe.token_settings()["tokenizer"]
    receipts = {dataset: own for dataset in request.datasets if (own := _measured(request, dataset, settings))}
    guess = "" if any(_is_of(each, settings) for own in receipts.values() for each in own) else "another tokenizer"
    if not receipts:
        receipts, guess = {"": _of_other_data()}, "other data"
    engine = None  # the tokenizer's own receipts say what encodes, unless the recipe does
    if guess or tokenizer.engine != "auto":
        engine = "tokenizers" if slow_engine(request) else "gigatoken"
    rates = {dataset: rate for dataset, own in receipts.items() if (rate := Rate.of(own, engine))}
    others = {each.facts.engine for own in receipts.values() for each in own} - {"", engine or ""}
    return rates, guess or ("another engine" if engine and others else "")


def _measured(request: Request, dataset: str, settings: Mapping[str, Any]) -> list[ShardReceipt]:
    """
    Receipts of some of a dataset's shards: with the tokens that are asked for, or else with others of the same
    tokenizer, or else with any. settings: the recipe's token settings.
    """
    here = request.tokens(dataset)
    names = list(request.shards[dataset])[:: max(1, len(request.shards[dataset]) // PER_DATASET)]
    found: list[ShardReceipt] = []
    for folder in (here, *sorted(here.parent.parent.glob(f"*/{dataset}"))):
        receipts = _timed(folder / "train" / f"{name}.json" for name in names)
        if receipts and _is_of(receipts[0], settings):
            return receipts
        found = found or receipts
    return found


def _of_other_data() -> list[ShardReceipt]:
    """Receipts of some shards of any datasets."""
    folders = sorted(Path(TOKENS).glob("*/*/train"))[:PER_DATASET]
    return _timed(path for folder in folders for path in islice(folder.glob("*.json"), PER_DATASET))


def _timed(paths: Iterable[Path]) -> list[ShardReceipt]:
    """Receipts of whole shards that say how long they took."""
    receipts = [
        receipt for path in paths if (receipt := receipt_or_none(path, ShardReceipt)) and receipt.key["rows"] is None
    ]
    return receipts if Rate.of(receipts, None) else []


def _is_of(receipt: ShardReceipt, settings: Mapping[str, Any]) -> bool:
    """Whether a shard was tokenized with the tokenizer of these settings."""
    return bool(receipt.key["tokenizer"]["sha256"] == settings["sha256"])


def _seconds(receipt: ShardReceipt, engine: str | None) -> float:
    """What a shard took, or would have taken with an engine: only encoding is slower or faster. None: with its own."""
    seconds, was = receipt.run.seconds, receipt.facts.engine
    factor = {("gigatoken", "tokenizers"): SLOWER, ("tokenizers", "gigatoken"): 1 / SLOWER}.get(
        (was, engine or was), 1.0
    )
    encoding = min(seconds, receipt.facts.seconds.get("encode", seconds))
    return seconds + (factor - 1) * encoding


def _training(state: State, nodes: Iterable[Node]) -> Training | None:
    places = {f"{each.phase}/{each.segment}": each for each in scheduled_segments(state.request.recipe)}
    segments = {places[node.name]: node for node in nodes if node.kind == "segment"}
    if not segments:
        return None
    model = next(iter(state.specs.values()))["model"]
    trained = [
        receipt
        for path in sorted(Path(CHECKPOINTS).glob("*/*/*/receipt.json"))
        if (receipt := receipt_or_none(path, SegmentReceipt))
    ]
    measured, factor = [receipt for receipt in trained if receipt.key["model"] == model], 1.0
    left = {scheduled: scheduled.tokens - _done(state, scheduled, node) for scheduled, node in segments.items()}
    tokens, guess = sum(left.values()), not measured
    if guess:
        on_gpus = state.request.recipe.layout.trainer == "bridge"
        measured, factor = _nearest_model(model, [each for each in trained if bool(each.facts.gpus) == on_gpus])
    if not measured:
        return Training(len(segments), tokens, None, 0, "nothing was measured yet with this model, nor with another")
    gpus = max(receipt.facts.gpus for receipt in measured)
    seconds = factor * sum(amount / _speed(measured, scheduled, gpus) for scheduled, amount in left.items())
    device = f"tokens/s per GPU on {many(gpus, 'GPU')}" if gpus else "tokens/s on a CPU"
    speed = f"{tokens / seconds:,.0f} {device}, " if seconds else ""
    basis = f"{speed}from {many(len(measured), 'receipt')} of "
    basis = f"first guess, {basis}another model by its active parameters" if guess else f"{basis}this model"
    return Training(len(segments), tokens, seconds, gpus, basis, guess)


def _nearest_model(model: Mapping[str, Any], trained: Iterable[SegmentReceipt]) -> tuple[list[SegmentReceipt], float]:
    """The segments of the model that is nearest to one by active parameters, and how much slower this one is."""
    own = parameters(Model.model_validate(model)).active
    by_size: dict[int, list[SegmentReceipt]] = {}
    for receipt in trained:
        with suppress(ValidationError):  # an older recipe may have described its model otherwise
            by_size.setdefault(parameters(Model.model_validate(receipt.key["model"])).active, []).append(receipt)
    if not by_size:
        return [], 1.0
    nearest = min(by_size, key=lambda active: abs(math.log(active / own)))
    return by_size[nearest], own / nearest


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
