"""
What is different between two trainings: their data, mixture, code, settings, losses. Told from receipts alone.

Two shards are the same if their token pairs are, or where the tokenizers differ, the raw rows; whatever else differs
between their receipts says nothing. A setting is a value of a segment's spec; what only follows from another difference
(the blend's digest, the segment before, the place in a stream) is left out. For losses see nano3.comparison.losses.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from glob import escape
from pathlib import Path
from typing import Any, Literal

from nano3 import Nano3Error
from nano3.artifact.digest import differences
from nano3.artifact.paths import CHECKPOINTS, EXPORTS
from nano3.artifact.steps import ExportReceipt, SegmentReceipt, read_receipt
from nano3.comparison.losses import LETTERS, Loss, Sides, losses
from nano3.comparison.snapshot import DatasetSnapshot, Snapshot
from nano3.core.names import recipe_name
from nano3.core.schema import did_you_mean
from nano3.provenance.lineage import Receipts, software_of

CONSEQUENCES = ("before", "data")
NAMED = 5  # shards of a kind of change
COMMIT = 12  # digits


class CompareError(Nano3Error):
    """There is nothing to compare."""


@dataclass(frozen=True)
class Data:
    """
    A dataset's shards and tokens on both sides; None where it is not used, or nothing says. names: some of the shards,
    by change. lost: sides whose shards no receipt tells any more, A or B.
    """

    dataset: str
    tokens: tuple[int | None, int | None]
    shards: tuple[int | None, int | None]
    added: int = 0
    removed: int = 0
    changed: int = 0
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lost: tuple[str, ...] = ()


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
class Comparison:
    """
    Two trainings. names: of what was compared. notes: of each side, what is not as it was. tokenizer: how the tokens
    differ; both tokenizers' names under `name`. unit: of validation losses. Only what differs is in it, but for the
    losses, which are all. incomparable: why the losses of a dataset are not compared.
    """

    names: tuple[str, str]
    notes: tuple[tuple[str, ...], tuple[str, ...]]
    tokenizer: tuple[Change, ...]
    unit: Literal["nats per token", "bits per byte"]
    data: tuple[Data, ...]
    mixture: tuple[Share, ...]
    code: tuple[Change, ...]
    settings: tuple[Change, ...]
    losses: tuple[Loss, ...]
    incomparable: Mapping[str, str]


def receipt_of(word: str) -> Path:
    """
    The receipt that is meant: a path is one, or has one in it; a recipe's name means its export's, or that of its last
    segment. Raises CompareError for nothing of the kind.
    """
    path = Path(word) / "receipt.json" if Path(word).is_dir() else Path(word)
    if path.is_file() and path.suffix != ".yaml":
        if not isinstance(receipt := read_receipt(path), ExportReceipt | SegmentReceipt):
            raise CompareError(f"{path}: a receipt of {receipt.step}: name that of an export or of a segment")
        return path
    name = recipe_name(word) if path.suffix == ".yaml" or "/" not in word else word
    export, checkpoints = Path(EXPORTS) / name / "receipt.json", Path(CHECKPOINTS)
    if export.is_file():
        return export
    segments = checkpoints.glob(f"{escape(name)}/*/*/receipt.json")
    last = max(segments, key=lambda path: read_receipt(path, SegmentReceipt).facts.steps, default=None)
    if last is None:
        known = sorted({path.parts[-4] for path in checkpoints.glob("*/*/*/receipt.json")})
        remedy = did_you_mean(name, known, f"there are {', '.join(known)}" if known else "there are none yet")
        raise CompareError(f"{word}: no receipt, and no recipe with a trained segment: {remedy}")
    return last


def compare(before: str, after: str) -> Comparison:
    """
    What differs. before, after: receipts of exports or segments, or names of recipes.

    Raises CompareError for a name of nothing, ReceiptError for a receipt that is damaged.
    """
    sides = (Snapshot.of(receipt_of(before)), Snapshot.of(receipt_of(after)))
    for word, side in zip((before, after), sides, strict=True):
        if not side.segments:
            raise CompareError(f"{word}: the receipts of its segments are gone: name another training")
    segments = (sides[0].segments, sides[1].segments)
    tokenizer = tuple(_tokenizer(*sides))
    compared, incomparable = losses(sides, bool(tokenizer))
    return Comparison(
        (before, after),
        (sides[0].notes, sides[1].notes),
        tokenizer,
        "bits per byte" if tokenizer else "nats per token",
        tuple(_data(sides, bool(tokenizer))),
        tuple(_mixture(segments)),
        tuple(_code((sides[0].receipts, sides[1].receipts))),
        tuple(_settings(segments)),
        tuple(compared),
        incomparable,
    )


def _tokenizer(before: Snapshot, after: Snapshot) -> Iterator[Change]:
    """How the token settings differ. Where no shard is left to tell, the tokenizers' names do, if these are known."""
    names, known = (before.tokenizer_name, after.tokenizer_name), before.tokenizer and after.tokenizer
    changed = differences(before.tokenizer, after.tokenizer) if known else {}
    if changed or (not known and all(names) and names[0] != names[1]):
        yield Change("name", names, ())
    yield from (Change(key, values, ()) for key, values in changed.items())


def _union(first: Iterable[str], second: Iterable[str]) -> list[str]:
    return list(dict.fromkeys([*first, *second]))


def _used(side: Snapshot) -> list[str]:
    """The datasets that a training read."""
    return _union(side.datasets, (name for each in side.segments.values() for name in each.facts.mixture.target))


def _data(sides: Sides, other_tokenizer: bool) -> Iterator[Data]:
    for dataset in sorted(_union(*map(_used, sides))):
        both = [side.datasets.get(dataset) for side in sides]
        shards = _listed(both, other_tokenizer)
        tokens = _pair(each.tokens if each else None for each in both)
        counts = _pair(None if own is None else len(own) for own in shards)
        listed = zip(LETTERS, sides, shards, strict=True)
        lost = tuple(letter for letter, side, own in listed if own is None and dataset in _used(side))
        if lost and not (both[0] and both[1] and both[0].content == both[1].content):
            yield Data(dataset, tokens, counts, lost=lost)
        if lost:
            continue
        before, after = (own or {} for own in shards)
        if before == after and (tokens[0] == tokens[1] or not other_tokenizer):
            continue
        names = {
            "added": [name for name in after if name not in before],
            "removed": [name for name in before if name not in after],
            "changed": [name for name in before if name in after and before[name] != after[name]],
        }
        first = {kind: tuple(every[:NAMED]) for kind, every in names.items() if every}
        yield Data(dataset, tokens, counts, lost=(), names=first, **{kind: len(every) for kind, every in names.items()})


def _listed(both: Sequence[DatasetSnapshot | None], other_tokenizer: bool) -> list[Mapping[str, str] | None]:
    """What identifies the shards of both sides, by name; None where a side has none or nothing tells them."""
    if not other_tokenizer:
        return [each.shards if each else None for each in both]
    raw = [each.raw if each else {} for each in both]
    if None not in raw:
        return [own if each else None for own, each in zip(raw, both, strict=True)]
    return [dict.fromkeys(each.shards, "") if each and each.shards is not None else None for each in both]


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
    phases = _union(*([phase for phase, _ in target] for target in targets))
    for place in sorted({*targets[0], *targets[1]}, key=lambda place: (phases.index(place[0]), place[1])):
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
            one, other = (" and ".join(sorted(side.get(key, {"none"}))) for side in (before, after))
            if one != other:
                found.setdefault((key, one, other), []).append(step)
    return (Change(key, (before, after), tuple(where)) for (key, before, after), where in found.items())


def _software(receipts: Receipts) -> dict[str, dict[str, set[str]]]:
    """All that the artifacts of a step were made by: by step and dotted key the values that occur."""
    found: dict[str, dict[str, set[str]]] = {}
    for receipt in receipts.values():
        software = software_of(receipt)
        git, packages = receipt.run.git, software.pop("packages")
        software["git"] = git and f"{git.commit[:COMMIT]}{' with uncommitted changes' if git.dirty else ''}"
        software |= {f"packages.{name}": version for name, version in packages.items()}
        for key, value in software.items():
            found.setdefault(receipt.step, {}).setdefault(key, set()).add("none" if value is None else str(value))
    return found


def _settings(segments: tuple[Mapping[str, SegmentReceipt], Mapping[str, SegmentReceipt]]) -> Iterable[Change]:
    """
    Values of specs that differ, each with the segments it differs in. Trainings without a segment of the same name are
    compared by their last ones.
    """
    found: dict[str, Change] = {}
    one, other = segments
    names = {name: (name, name) for name in one if name in other}
    if one and other and not names:
        last, other_last = [*one][-1], [*other][-1]
        names = {f"{last} and {other_last}": (last, other_last)}
    for name in _union(*segments):
        if name not in one or name not in other:
            there = _pair("trained" if name in side else "not there" for side in segments)
            _add(found, "segment", there, name)
    for where, pair in names.items():
        specs = [
            {key: value for key, value in side[name].key.items() if key not in CONSEQUENCES}
            for side, name in zip(segments, pair, strict=True)
        ]
        for key, values in differences(specs[0], specs[1]).items():
            for part, pair_of_values in _parts(key, values):
                _add(found, part, pair_of_values, where)
    return found.values()


def _parts(key: str, values: tuple[Any, Any]) -> Iterator[tuple[str, tuple[Any, Any]]]:
    """A difference, value by value where a whole section is on one side alone."""
    sections = [value for value in values if isinstance(value, dict)]
    if not sections:
        yield key, values
    for name in sections[0] if sections else ():
        one, other = (value.get(name) if isinstance(value, dict) else None for value in values)
        yield from _parts(f"{key}.{name}", (one, other))


def _add(found: dict[str, Change], key: str, values: tuple[Any, Any], where: str) -> None:
    """Add a place to a change, or the change itself."""
    same = found.get(f"{key} {values}")
    found[f"{key} {values}"] = Change(key, values, (*(same.where if same else ()), where))


def _pair(values: Iterable[Any]) -> tuple[Any, Any]:
    before, after = values
    return before, after
