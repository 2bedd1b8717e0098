"""What do the receipts of a training say? Its datasets, its phases, its segments in order: see nano3.report.collect."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from nano3 import Nano3Error
from nano3.artifact.steps import (
    ExportReceipt,
    IndexCacheReceipt,
    IndexFacts,
    LogitCheck,
    R,
    SegmentFacts,
    SegmentReceipt,
    StepReceipt,
)
from nano3.provenance.lineage import Receipts
from nano3.provenance.shard_records import Fold, ShardRecord
from nano3.sampling.streams import tokens_of

Series = npt.NDArray[np.float64]


class ReportError(Nano3Error):
    """The receipts do not make a report."""


@dataclass(frozen=True)
class DatasetSummary:
    """
    A dataset. path: of its index, which is a receipt with these facts. fold: all its shards. listed: the first of them,
    as many as a page can list.
    """

    name: str
    path: str
    facts: IndexFacts
    fold: Fold
    listed: Sequence[ShardRecord]


@dataclass(frozen=True)
class Metrics:
    """What was measured at every step, shape [steps]. tokens: trained on up to the step's end, from the beginning."""

    tokens: Series
    loss: Series
    learning_rate: Series


@dataclass(frozen=True)
class SegmentSummary:
    """A trained segment. path: of its receipt."""

    path: str
    receipt: SegmentReceipt
    metrics: Metrics

    @property
    def facts(self) -> SegmentFacts:
        """What its receipt says of it."""
        return self.receipt.facts

    @property
    def name(self) -> str:
        """phase/segment."""
        return f"{self.facts.phase}/{self.facts.segment}"

    @property
    def first_token(self) -> int:
        """Tokens trained on before it, from the beginning of training."""
        return self.receipt.key["steps"]["first_token"]

    @property
    def last_token(self) -> int:
        """Tokens trained on when it ends, from the beginning of training."""
        return self.first_token + self.facts.tokens

    @property
    def steps(self) -> int:
        """Its own."""
        return self.receipt.key["steps"]["count"]

    @property
    def length(self) -> int:
        """Tokens of a sequence."""
        return self.receipt.key["batch"]["sequence_length"]

    @property
    def layout(self) -> dict[str, Any]:
        """How the work was laid out."""
        return {
            "ranks": self.facts.ranks,
            **({"gpus": self.facts.gpus} if self.facts.gpus else {}),
            **self.facts.layout,
        }


@dataclass(frozen=True)
class PhaseSummary:
    """A phase: one blend, and the segments that drew from it. path: of the blend's receipt."""

    name: str
    path: str
    pairs: int
    segments: tuple[SegmentSummary, ...]

    @property
    def first_token(self) -> int:
        """Tokens trained on before the phase."""
        return self.segments[0].first_token

    @property
    def last_token(self) -> int:
        """Tokens trained on when it ends, from the beginning of training."""
        return self.segments[-1].last_token

    @property
    def tokens(self) -> int:
        """Tokens of the phase."""
        return self.last_token - self.first_token

    @property
    def target(self) -> Mapping[str, float]:
        """Share per dataset that was asked for; they sum to 1."""
        return self.segments[0].facts.mixture.target

    @property
    def drawn(self) -> dict[str, int]:
        """Tokens per dataset that were trained on: samples times their length, over all segments."""
        tokens: Counter[str] = Counter(dict.fromkeys(self.target, 0))
        for segment in self.segments:
            for dataset, samples in segment.facts.mixture.samples.items():
                tokens[dataset] += samples * segment.length
        return dict(tokens)

    @property
    def realized(self) -> dict[str, float]:
        """Share of the tokens per dataset that were trained on; they sum to 1."""
        drawn = self.drawn
        total = sum(drawn.values())
        return {dataset: tokens / total for dataset, tokens in drawn.items()}

    @property
    def deviation(self) -> dict[str, float]:
        """Realized less target share per dataset."""
        return {dataset: share - self.target.get(dataset, 0.0) for dataset, share in self.realized.items()}

    @property
    def most_deviant(self) -> str | None:
        """The dataset whose realized share is farthest from its target; None if none differs by a ten-thousandth."""
        deviation = self.deviation
        farthest = max(deviation, key=lambda dataset: abs(deviation[dataset]))
        return farthest if abs(deviation[farthest]) >= 1e-4 else None

    @property
    def before(self) -> Mapping[str, float]:
        """Validation loss per dataset before the phase, at its first segment's sequence length."""
        return self.segments[0].facts.validation.get("before", {})

    @property
    def after(self) -> Mapping[str, float]:
        """Validation loss per dataset after the phase, at its last segment's sequence length."""
        return self.segments[-1].facts.validation["after"]

    @property
    def means(self) -> tuple[float | None, float | None]:
        """Mean validation loss before and after the phase, over the datasets that were measured both times."""
        both = self.before.keys() & self.after.keys()
        before, after = ({name: losses[name] for name in sorted(both)} for losses in (self.before, self.after))
        return mean(before), mean(after)

    @property
    def skipped_validation(self) -> dict[int, dict[str, int]]:
        """By sequence length, the validation sets that were left out, and their tokens."""
        return {each.length: each.facts.skipped_validation for each in self.segments if each.facts.skipped_validation}


@dataclass(frozen=True)
class Story:
    """Everything an exported model stands on. receipts: by path. export: path of the export's receipt."""

    receipts: Receipts
    export: str
    datasets: tuple[DatasetSummary, ...]
    phases: tuple[PhaseSummary, ...]

    @property
    def segments(self) -> list[SegmentSummary]:
        """All segments in the order of training."""
        return [segment for phase in self.phases for segment in phase.segments]

    @property
    def last(self) -> SegmentSummary:
        """The segment that was exported."""
        return self.phases[-1].segments[-1]

    @property
    def raw_shards(self) -> int:
        """Raw shards of all datasets."""
        return sum(dataset.fold.shards for dataset in self.datasets)

    @property
    def read(self) -> dict[str, int]:
        """Tokens of each dataset that were read, in all phases, by the last segment's ledger."""
        return {dataset: tokens_of(consumed) for dataset, consumed in self.last.facts.ledger.items()}

    @property
    def epochs(self) -> dict[str, float]:
        """How often each dataset's tokens were read: 1 where every one was read once."""
        return {each.name: self.read.get(each.name, 0) / each.facts.tokens for each in self.datasets}

    @property
    def gpu_seconds(self) -> float:
        """GPUs times wall time, of all segments."""
        return sum(segment.facts.gpus * segment.receipt.run.seconds for segment in self.segments)

    @property
    def layout(self) -> dict[str, Any]:
        """What the layouts of all segments agree on."""
        first, *others = (segment.layout for segment in self.segments)
        return {
            name: value
            for name, value in first.items()
            if all(name in other and other[name] == value for other in others)
        }

    @property
    def validation(self) -> float | None:
        """Final validation loss, the mean over datasets, each with the same weight; None if none was measured."""
        return mean(self.phases[-1].after)

    @property
    def skipped(self) -> dict[str, dict[int, int]]:
        """Tokens of each dataset's epoch that are in no sample, by tokens of a sample."""
        skipped: dict[str, dict[int, int]] = {}
        for receipt in self.receipts.values():
            if isinstance(receipt, IndexCacheReceipt):
                for dataset, tokens in receipt.facts.skipped.items():
                    skipped.setdefault(dataset, {}).update(tokens)
        return skipped

    @property
    def logits(self) -> LogitCheck:
        """How far the export's logits lie from the trained model's."""
        return _of(self.receipts[self.export], ExportReceipt).facts.logits


def mean(losses: Mapping[str, float]) -> float | None:
    """Mean over datasets, each with the same weight; None if none was measured."""
    return sum(losses.values()) / len(losses) if losses else None


def _of(receipt: StepReceipt, kind: type[R]) -> R:
    """A receipt as that of a step. Raises ReportError if it is of another."""
    if not isinstance(receipt, kind):
        raise ReportError(f"a receipt of {receipt.step} stands where one of {kind.__name__} belongs")
    return receipt
