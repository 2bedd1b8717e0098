"""
Does each dataset of a phase have the tokens that its sequences need? A sample needs one token more than a sequence has,
for the last label.

A training set that is shorter than a sample can't be sampled at all. A validation set that is shorter can't be measured
at that length: the recipe's evaluation.too_small says whether that is an error or the set is left out. Neither decides
a byte of the blend, so what is checked is in no key: a phase's new sequence length leaves its blend fresh. A run
that would make the blend or train the phase is refused before any job where the dataset indexes are fresh, and by
write_blend where they were made in the same run.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypedDict

from nano3 import Nano3Error
from nano3.artifact.steps import IndexFacts

ShortSets = Mapping[int, Mapping[str, int]]  # tokens of each dataset's set, by tokens of a sequence


class SufficiencyError(Nano3Error):
    """A dataset, or its validation set, is shorter than a sample."""


class SequenceNeeds(TypedDict):
    """lengths: tokens of a sequence, of all segments of a phase. too_small: the recipe's, about validation sets."""

    phase: str
    lengths: list[int]
    too_small: Literal["fail", "skip"]


@dataclass(frozen=True)
class Shortage:
    """The sets of a phase that are shorter than a sample. refused: whether validation sets must not be."""

    phase: str
    train: ShortSets
    valid: ShortSets
    refused: bool

    @classmethod
    def of(cls, needs: SequenceNeeds, datasets: Mapping[str, IndexFacts]) -> "Shortage":
        """datasets: facts of the indexes of the datasets that the phase reads."""
        train = {name: facts.tokens for name, facts in datasets.items()}
        valid = {name: facts.valid.tokens for name, facts in datasets.items()}
        lengths, refused = needs["lengths"], needs["too_small"] == "fail"
        return cls(needs["phase"], _short(train, lengths), _short(valid, lengths), refused)

    @property
    def error(self) -> str | None:
        """Why the phase must not be trained, with the remedies; None if it may be."""
        if self.train:
            return (
                f"phase {self.phase}: a dataset is shorter than one sample: {_listed(self.train)}: lower the sequence "
                "length, remove the dataset from the mixture, or pin more shards"
            )
        if self.valid and self.refused:
            return (
                f"phase {self.phase}: validation sets are shorter than one sample: {_listed(self.valid)}: raise "
                "holdout.valid, lower the sequence length, or leave such sets out with evaluation.too_small: skip"
            )
        return None

    @property
    def skipped(self) -> str | None:
        """Which validation sets are left out, and why; None if none is."""
        if not self.valid or self.error:
            return None
        return f"phase {self.phase} leaves out validation sets that are shorter than one sample: {_listed(self.valid)}"


def _short(tokens: Mapping[str, int], lengths: Iterable[int]) -> ShortSets:
    found = {
        length: {name: count for name, count in tokens.items() if count <= length} for length in sorted(set(lengths))
    }
    return {length: sets for length, sets in found.items() if sets}


def _listed(short: ShortSets) -> str:
    """Each sequence length with the tokens that it needs and the tokens that there are."""
    return "; ".join(
        f"sequences of {length:,} need {length + 1:,} tokens, "
        + ", ".join(f"{name} has {count:,}" for name, count in sets.items())
        for length, sets in short.items()
    )
