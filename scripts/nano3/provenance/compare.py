"""
What is different between two trainings: their data, mixture, code, settings, losses. Told from receipts alone.

Two shards are the same if their token pairs are; whatever else differs between their receipts says nothing. A setting
is a value of a segment's spec; what only follows from another difference (the blend's digest, the segment before, the
place in a stream) is left out.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nano3 import Nano3Error
from nano3.artifact.digest import differences
from nano3.artifact.paths import CHECKPOINTS, EXPORTS
from nano3.artifact.steps import IndexReceipt, SegmentReceipt, read_receipt
from nano3.provenance.lineage import Receipts, closure, dataset_of_index, software_of

CONSEQUENCES = ("before", "data")
NAMED = 5  # shards of a kind of change


class CompareError(Nano3Error):
    """There is nothing to compare."""


@dataclass(frozen=True)
class Data:
    """A dataset's shards and tokens on both sides; None where it is not used. names: some of the shards, by change."""

    dataset: str
    tokens: tuple[int | None, int | None]
    shards: tuple[int | None, int | None]
    added: int
    removed: int
    changed: int
    names: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class Share:
    """A dataset's share of a phase: asked for, and tokens that were drawn."""

    phase: str
    dataset: str
    target: tuple[float | None, float | None]
    drawn: tuple[int | None, int | None]


@dataclass(frozen=True)
class Change:
    """A value that differs, and where. where: segments or steps."""

    key: str
    values: tuple[Any, Any]
    where: tuple[str, ...]


@dataclass(frozen=True)
class Loss:
    """
    A segment's last loss in training, and the mean loss on held-out documents after it, over the datasets that were
    measured in both trainings.
    """

    segment: str
    trained: tuple[float | None, float | None]
    validation: tuple[float | None, float | None]


@dataclass(frozen=True)
class Comparison:
    """Two trainings. names: of what was compared. Only what differs is in it, but for the losses, which are all."""

    names: tuple[str, str]
    data: tuple[Data, ...]
    mixture: tuple[Share, ...]
    code: tuple[Change, ...]
    settings: tuple[Change, ...]
    losses: tuple[Loss, ...]


def receipt_of(word: str) -> Path:
    """The receipt that a path or a recipe's name means: its export's, or that of its last segment."""
    if Path(word).is_file():
        return Path(word)
    export = Path(EXPORTS) / word / "receipt.json"
    if export.is_file():
        return export
    checkpoints = Path(CHECKPOINTS)
    segments = checkpoints.glob(f"{word}/*/*/receipt.json")
    last = max(segments, key=lambda path: read_receipt(path, SegmentReceipt).facts.steps, default=None)
    if last is None:
        known = sorted(path.name for path in checkpoints.glob("*")) or ["none yet"]
        raise CompareError(f"{word}: no receipt, and no recipe with a checkpoint: there are {', '.join(known)}")
    return last


def compare(before: str, after: str) -> Comparison:
    """
    What differs. before, after: receipts of exports or segments, or names of recipes.

    Raises CompareError for a name of nothing, LineageError where a receipt stands on something that changed since.
    """
    sides = (closure(receipt_of(before)), closure(receipt_of(after)))
    segments = (_segments(sides[0]), _segments(sides[1]))
    return Comparison(
        (before, after),
        tuple(_data(sides)),
        tuple(_mixture(segments)),
        tuple(_code(sides)),
        tuple(_settings(segments)),
        tuple(_losses(segments)),
    )


def _segments(receipts: Receipts) -> dict[str, SegmentReceipt]:
    """Receipts of the segments by phase/segment, in the order of training."""
    trained = [receipt for receipt in receipts.values() if isinstance(receipt, SegmentReceipt)]
    trained.sort(key=lambda each: each.key["steps"]["first"])
    return {f"{each.facts.phase}/{each.facts.segment}": each for each in trained}


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def _data(sides: tuple[Receipts, Receipts]) -> Iterable[Data]:
    indexes = [
        {dataset_of_index(path): each for path, each in side.items() if isinstance(each, IndexReceipt)}
        for side in sides
    ]
    for dataset in sorted(_union(*indexes)):
        both = [side.get(dataset) for side in indexes]
        shards = [
            {Path(each.path).stem: each.digest for each in receipt.inputs if each.kind == "receipt"} if receipt else {}
            for receipt in both
        ]
        before, after = shards
        if before == after:
            continue
        names = {
            "added": [name for name in after if name not in before],
            "removed": [name for name in before if name not in after],
            "changed": [name for name in before if name in after and before[name] != after[name]],
        }
        yield Data(
            dataset,
            _pair(receipt.facts.tokens if receipt else None for receipt in both),
            _pair(len(own) if receipt else None for own, receipt in zip(shards, both, strict=True)),
            **{kind: len(every) for kind, every in names.items()},
            names={kind: tuple(every[:NAMED]) for kind, every in names.items() if every},
        )


def _mixture(segments: tuple[Mapping[str, SegmentReceipt], Mapping[str, SegmentReceipt]]) -> Iterable[Share]:
    targets: list[dict[tuple[str, str], float]] = [{}, {}]
    drawn: list[dict[tuple[str, str], int]] = [{}, {}]
    for side, target, tokens in zip(segments, targets, drawn, strict=True):
        for receipt in side.values():
            facts, length = receipt.facts, receipt.key["batch"]["sequence_length"]
            for dataset, share in facts.mixture.target.items():
                place = (facts.phase, dataset)
                target[place] = share
                tokens[place] = tokens.get(place, 0) + facts.mixture.samples.get(dataset, 0) * length
    for place in dict.fromkeys([*targets[0], *targets[1]]):
        shares, taken = _pair(each.get(place) for each in targets), _pair(each.get(place) for each in drawn)
        if shares[0] != shares[1] or taken[0] != taken[1]:
            yield Share(*place, shares, taken)


def _code(sides: tuple[Receipts, Receipts]) -> Iterable[Change]:
    """Code digests, commits, containers and versions that differ, each with the steps it differs in."""
    found: dict[tuple[str, str, str], list[str]] = {}
    steps = [_software(side) for side in sides]
    for step in _union(*steps):
        before, after = (side.get(step, {}) for side in steps)
        for key in _union(before, after) if before and after else ():
            one, other = (", ".join(sorted(side.get(key, {"none"}))) for side in (before, after))
            if one != other:
                found.setdefault((key, one, other), []).append(step)
    return (Change(key, (before, after), tuple(where)) for (key, before, after), where in found.items())


def _software(receipts: Receipts) -> dict[str, dict[str, set[str]]]:
    """All that the artifacts of a step were made by: by step and dotted key the values that occur."""
    found: dict[str, dict[str, set[str]]] = {}
    for receipt in receipts.values():
        for key, (_, value) in differences({}, software_of(receipt)).items():
            found.setdefault(receipt.step, {}).setdefault(key, set()).add(str(value))
    return found


def _settings(segments: tuple[Mapping[str, SegmentReceipt], Mapping[str, SegmentReceipt]]) -> Iterable[Change]:
    """Values of specs that differ, each with the segments it differs in."""
    found: dict[str, Change] = {}
    for name in _union(*segments):
        specs = [
            {key: value for key, value in side[name].key.items() if key not in CONSEQUENCES} if name in side else None
            for side in segments
        ]
        if None in specs:
            said = _pair("trained" if spec else "not there" for spec in specs)
            found[name] = Change("segment", said, (name,))
            continue
        for key, values in differences(specs[0], specs[1]).items():
            same = found.get(f"{key} {values}")
            found[f"{key} {values}"] = Change(key, values, (*(same.where if same else ()), name))
    return found.values()


def _losses(segments: tuple[Mapping[str, SegmentReceipt], Mapping[str, SegmentReceipt]]) -> Iterable[Loss]:
    for name in _union(*segments):
        facts = [side[name].facts if name in side else None for side in segments]
        validation = _alike([each.validation["after"] if each else None for each in facts])
        yield Loss(
            name,
            _pair(each.loss.last if each else None for each in facts),
            _pair(sum(every) / len(every) if every else None for every in validation),
        )


def _alike(sides: Sequence[Mapping[str, float] | None]) -> list[list[float]]:
    """The losses of each side, of the datasets that all sides have. A side may be missing."""
    there = [side for side in sides if side is not None]
    names = sorted(set.intersection(*(set(side) for side in there)))
    return [[side[name] for name in names] if side is not None else [] for side in sides]


def _pair(values: Iterable[Any]) -> tuple[Any, Any]:
    before, after = values
    return before, after
