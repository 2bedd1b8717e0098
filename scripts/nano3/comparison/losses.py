"""
How do the losses of two trainings compare? Where they are measured on the same validation documents.

A loss in nats per token is no measure of two tokenizers: it is told in bits per byte of text, with the tokens and bytes
of the whole validation set, of which a part may have been measured.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nano3.artifact.steps import SegmentFacts
from nano3.comparison.snapshot import DatasetSnapshot, Snapshot

LETTERS = "AB"  # of the sides
LOST = "its validation documents are no longer known"
Sides = tuple[Snapshot, Snapshot]


@dataclass(frozen=True)
class Loss:
    """
    A segment's last loss in training, in nats per token, and the mean validation loss after it, in the comparison's
    unit, over the datasets that are comparable and were measured in both trainings; where the segment is in one alone,
    over all of its own. segment: phase/segment; both names where the trainings end with segments of other names.
    """

    segment: str
    trained: tuple[float | None, float | None]
    validation: tuple[float | None, float | None]
    datasets: tuple[str, ...]


def losses(sides: Sides, other_tokenizer: bool) -> tuple[list[Loss], dict[str, str]]:
    """
    A loss for each segment of either training, and one for their ends where these are segments of other names; and why
    the losses of a dataset are not compared, by dataset.
    """
    measured = sorted({name for side in sides for name in _measured(side)})
    reasons = {name: why for name in measured if (why := _obstacle(name, sides, other_tokenizer))}
    scales = [_scales(side, other_tokenizer) for side in sides]
    places = {name: (name, name) for side in sides for name in side.segments}
    ends = ([*sides[0].segments][-1], [*sides[1].segments][-1])
    if ends[0] != ends[1]:
        places[" and ".join(ends)] = ends
    return [_loss(segment, names, sides, scales, reasons) for segment, names in places.items()], reasons


def _loss(
    segment: str,
    names: tuple[str, str],
    sides: Sides,
    scales: Sequence[Mapping[str, float]],
    reasons: Mapping[str, str],
) -> Loss:
    """names: of the segments to compare. scales: see _scales. reasons: not to compare a dataset."""
    receipts = [side.segments.get(name) for side, name in zip(sides, names, strict=True)]
    after = [_scaled(each.facts, scale) if each else None for each, scale in zip(receipts, scales, strict=True)]
    there = [own for own in after if own is not None]
    datasets = sorted(set.intersection(*map(set, there)))
    if len(there) == len(sides):
        datasets = [name for name in datasets if name not in reasons]
    before, then = (each.facts.loss.last if each else None for each in receipts)
    return Loss(segment, (before, then), (_mean(after[0], datasets), _mean(after[1], datasets)), tuple(datasets))


def _measured(side: Snapshot) -> set[str]:
    """The datasets whose validation loss was measured in a training."""
    return {name for each in side.segments.values() for name in each.facts.validation.get("after", {})}


def _obstacle(dataset: str, sides: Sides, other_tokenizer: bool) -> str | None:
    """Why validation losses of a dataset are not compared; None if they are."""
    measured = [letter for letter, side in zip(LETTERS, sides, strict=True) if dataset in _measured(side)]
    if len(measured) == 1:
        return f"measured in {measured[0]} alone"
    one, other = (side.datasets.get(dataset) for side in sides)
    if one is None or other is None:
        return LOST
    limits = [[*side.segments.values()][-1].facts.evaluation_tokens for side in sides]
    whole = all(each.is_whole(most) for each, most in zip((one, other), limits, strict=True))
    if 0 not in limits and limits[0] != limits[1] and not whole:
        return f"measured on {limits[0]:,} tokens in A, {limits[1]:,} in B"
    return _other_documents(one, other, other_tokenizer)


def _other_documents(one: DatasetSnapshot, other: DatasetSnapshot, other_tokenizer: bool) -> str | None:
    """Why two snapshots of a dataset do not have the same validation documents; None if they have."""
    if not other_tokenizer and (one.content == other.content or one.valid_pair == other.valid_pair is not None):
        return None
    if one.validation is None or other.validation is None:
        return LOST
    if one.validation != other.validation:
        return "other validation documents"
    if other_tokenizer and (one.bytes_per_token is None or other.bytes_per_token is None):
        return "other tokenizer, and no receipt says the bytes of its validation texts"
    return None


def _scales(side: Snapshot, other_tokenizer: bool) -> dict[str, float]:
    """Factors for losses in nats per token, by dataset; none where bits per byte can't be told."""
    if not other_tokenizer:
        return dict.fromkeys(_measured(side), 1.0)
    rates = {name: each.bytes_per_token for name, each in side.datasets.items()}
    return {name: 1 / (math.log(2) * rate) for name, rate in rates.items() if rate}


def _scaled(facts: SegmentFacts, scale: Mapping[str, float]) -> dict[str, float]:
    after = facts.validation.get("after", {})
    return {name: loss * scale[name] for name, loss in after.items() if name in scale}


def _mean(losses: Mapping[str, float] | None, datasets: Sequence[str]) -> float | None:
    return sum(losses[name] for name in datasets) / len(datasets) if losses is not None and datasets else None
