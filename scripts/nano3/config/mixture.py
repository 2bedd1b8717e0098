"""
What is a dataset's share of a phase, given the recipe and the tokens that exist?

Its share in the recipe, or its part of its category's share: by tokens, or by stated factors. Where epochs are capped,
the tokens that earlier phases consume count, never those of later ones. A share over its cap is cut to it. The excess
goes to datasets of its category that have tokens left, in proportion to their shares; what they can't absorb goes to
all datasets of the phase that have some left, again in proportion.

Shares are exact fractions until they are written, so rounding never adds up.
"""

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from nano3 import Nano3Error

Shares = dict[str, Fraction]


class MixtureError(Nano3Error):
    """The existing tokens do not suffice for a mixture."""


@dataclass(frozen=True)
class Part:
    """A dataset's part of a phase. asked, share: of the phase's samples, before and after caps."""

    dataset: str
    category: str
    asked: Fraction
    share: Fraction


def resolved(decision: Mapping[str, Any], tokens: Mapping[str, int]) -> list[Part]:
    """
    The parts of a phase, sorted by dataset; their shares sum to 1 exactly.

    decision: `mixture`, shares by dataset or category; `categories`, `datasets` and `factors` of each by name; where
    epochs are capped, `max_epochs` by dataset, `phase_tokens`, `over_cap`, and `earlier`, the same of phases before it.
    tokens: by dataset; may be empty for a phase with neither categories nor caps.
    Raises MixtureError for a share without tokens, or caps that leave too few.
    """
    consumed: dict[str, Fraction] = {}
    for before in decision.get("earlier", []):
        for part in _phase(before | {"over_cap": decision["over_cap"]}, tokens, consumed):
            consumed[part.dataset] = consumed.get(part.dataset, Fraction()) + part.share * before["phase_tokens"]
    return _phase(decision, tokens, consumed)


def as_floats(shares: Mapping[str, Fraction]) -> dict[str, float]:
    """
    Shares as floats that sum to exactly 1, added in any order.

    Each is a multiple of 2^-53, so no partial sum is rounded; the largest absorbs all rounding.
    """
    units = {name: max(1, round(share * 2**53)) if share else 0 for name, share in shares.items()}
    largest = max(units, key=lambda name: units[name])
    units[largest] += 2**53 - sum(units.values())
    return {name: unit / 2**53 for name, unit in units.items()}


def members(mixture: Collection[str], categories: Mapping[str, Iterable[str]]) -> dict[str, str]:
    """
    The datasets of a mixture, sorted, each with its category or, without one, its own name.

    mixture: names of categories and datasets. categories: the datasets of each.
    """
    category_of = {dataset: dataset for dataset in mixture if dataset not in categories}
    for name, datasets in categories.items():
        category_of |= {dataset: name for dataset in datasets if name in mixture or dataset in mixture}
    return dict(sorted(category_of.items()))


def _phase(decision: Mapping[str, Any], tokens: Mapping[str, int], consumed: Mapping[str, Fraction]) -> list[Part]:
    categories = decision.get("categories", {})
    category_of = members(decision["mixture"], {name: each["datasets"] for name, each in categories.items()})
    targets = _divided(decision["mixture"], categories, tokens)
    caps = decision.get("max_epochs", {})
    most = {name: Fraction(str(caps[name])) * tokens[name] for name in targets if name in caps}
    shares = targets
    if most:
        left = {name: max(Fraction(), most[name] - consumed.get(name, 0)) / decision["phase_tokens"] for name in most}
        over = [name for name in targets if targets[name] > left[name]]
        if over and decision["over_cap"] == "refuse":
            raise MixtureError(_over_caps(over, targets, consumed, tokens, decision))
        if over and decision["over_cap"] == "redistribute":
            shares = _redistributed(targets, left, category_of, decision["phase_tokens"])
    return [Part(name, category_of[name], targets[name], shares[name]) for name in sorted(targets)]


def _divided(mixture: Mapping[str, float], categories: Mapping[str, Any], tokens: Mapping[str, int]) -> Shares:
    """Target shares by dataset. A dataset with its own share gets none of its category's."""
    total = sum(Fraction(str(share)) for share in mixture.values())
    shares: Shares = {}
    for name, share in mixture.items():
        whole = Fraction(str(share)) / total
        if name not in categories:
            shares[name] = whole
            continue
        datasets = categories[name]["datasets"]
        factors = categories[name]["factors"] or [tokens[dataset] for dataset in datasets]
        parts = {
            dataset: Fraction(str(part))
            for dataset, part in zip(datasets, factors, strict=True)
            if dataset not in mixture
        }
        if not any(parts.values()):
            raise MixtureError(
                f"category {name} has share {share:g} but its datasets have no tokens for it: drop it from the "
                "mixture, or pin more shards"
            )
        shares |= {dataset: whole * part / sum(parts.values()) for dataset, part in parts.items() if part}
    for name, part in shares.items():
        if tokens.get(name) == 0:
            raise MixtureError(
                f"{name} has share {float(part):g} but its index counts 0 tokens: "
                "drop it from the mixture or pin more shards"
            )
    return shares


def _redistributed(targets: Shares, left: Shares, category_of: Mapping[str, str], phase_tokens: int) -> Shares:
    shares: Shares = {}
    for category in sorted(set(category_of.values())):
        group = {name: share for name, share in targets.items() if category_of[name] == category}
        shares |= _filled(group, left, sum(group.values(), Fraction()))
    shares = _filled(shares, left, Fraction(1))
    if sum(shares.values()) < 1:
        rest = math.floor(sum(left[name] for name in targets) * phase_tokens)
        raise MixtureError(
            f"the phase needs {phase_tokens:,} tokens, but max_epochs and earlier phases leave {rest:,} of its "
            "datasets: raise repetition.max_epochs, shorten the phase or add datasets"
        )
    return shares


def _filled(shares: Shares, left: Shares, total: Fraction) -> Shares:
    """Shares in proportion, none above what is left of its dataset; they sum to total, or exhaust what is left."""
    full: Shares = {}
    free = {name: share for name, share in shares.items() if share}
    while free:
        scale = (total - sum(full.values())) / sum(free.values())
        over = [name for name, share in free.items() if share * scale > left[name]]
        if not over:
            break
        full |= {name: left[name] for name in over}
        free = {name: share for name, share in free.items() if name not in full}
    return dict.fromkeys(shares, Fraction()) | full | {name: share * scale for name, share in free.items()}


def _over_caps(
    over: Iterable[str],
    targets: Shares,
    consumed: Mapping[str, Fraction],
    tokens: Mapping[str, int],
    decision: Mapping[str, Any],
) -> str:
    epochs = []
    for name in over:
        needed = consumed.get(name, Fraction()) + targets[name] * decision["phase_tokens"]
        epochs.append(f"{name} {float(needed / tokens[name]):.3g} (most: {decision['max_epochs'][name]:g})")
    return (
        f"over their cap, in epochs: {', '.join(epochs)}: lower their shares, raise repetition.max_epochs, or write "
        "over_cap: redistribute"
    )
