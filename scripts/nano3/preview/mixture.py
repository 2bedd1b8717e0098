"""
What does each phase read of each dataset? Shares before and after caps, tokens and epochs.

Tokens are counted where a dataset is tokenized; else they are its publisher's estimate, and marked as such.
"""

from fractions import Fraction
from pathlib import Path
from typing import Any

from nano3.artifact.paths import TOKENS
from nano3.artifact.steps import IndexReceipt, read_receipt
from nano3.config.mixture import MixtureError, Part, resolved
from nano3.config.recipe import Recipe
from nano3.core.formatting import SPACE, compact, skipped
from nano3.core.schema import ConfigError
from nano3.corpus.shard_table import INDEX_FILES, read_entries
from nano3.graph.keys import mixture_decision
from nano3.raw.datasets import read_dataset

ROW = "{:<56} {:>9} {:>9} {:>9} {:>9} {:>8} {:>5}"


def mixture_plan(name: str, recipe: Recipe) -> dict[str, Any]:
    """
    By phase: tokens, without_data and datasets, each with its category, asked and share (of the phase's samples, before
    and after caps), needed (tokens), available (tokens; null if nobody knows), estimated (whether that is its
    publisher's count), epochs (when the phase ends), epochs_asked (had all phases drawn what was asked up to this one's
    end) and max_epochs (null without a cap). skipped: tokens of an epoch that are in no sample, by dataset, where it is
    tokenized, and by tokens of a sample.

    Raises MixtureError if the shares can't be drawn, ConfigError if they depend on tokens that nobody knows.
    """
    tokens, estimated = known_tokens(recipe)
    consumed = dict.fromkeys(recipe.datasets, Fraction())
    targets = dict.fromkeys(recipe.datasets, Fraction())
    phases: dict[str, Any] = {}
    for phase, section in recipe.phases.items():
        rows = {}
        order = list(section.mixture)
        for part in sorted(_parts(recipe, phase, tokens), key=lambda part: order.index(_key(part, order))):
            available = tokens.get(part.dataset)
            consumed[part.dataset] += part.share * section.tokens
            targets[part.dataset] += part.asked * section.tokens
            rows[part.dataset] = {
                "category": part.category,
                "asked": float(part.asked),
                "share": float(part.share),
                "needed": round(part.share * section.tokens),
                "available": available,
                "estimated": part.dataset in estimated,
                "epochs": float(consumed[part.dataset] / available) if available else None,
                "epochs_asked": float(targets[part.dataset] / available) if available else None,
                "max_epochs": recipe.max_epochs(phase, part.dataset),
            }
        phases[phase] = {"tokens": section.tokens, "without_data": section.without_data, "datasets": rows}
    over_cap = recipe.repetition and recipe.repetition.over_cap
    return {"recipe": name, "over_cap": over_cap, "phases": phases, "skipped": _skipped(recipe)}


def _key(part: Part, mixture: list[str]) -> str:
    """The key of the mixture that gives a dataset its share."""
    return part.dataset if part.dataset in mixture else part.category


def known_tokens(recipe: Recipe) -> tuple[dict[str, int], set[str]]:
    """Tokens of the recipe's datasets, as far as they are known, and which of them are estimates."""
    tokens = {dataset: read_receipt(index, IndexReceipt).facts.tokens for dataset, index in _indexes(recipe).items()}
    estimated = set()
    for dataset in recipe.datasets:
        if dataset not in tokens and (estimate := read_dataset(dataset).tokens_estimate):
            tokens[dataset] = estimate
            estimated.add(dataset)
    return tokens, estimated


def _indexes(recipe: Recipe) -> dict[str, Path]:
    """The dataset indexes that are there."""
    try:
        folder = Path(TOKENS) / recipe.tokens_name
    except ConfigError:  # the tokenizer is not pinned, so nothing is tokenized
        return {}
    indexes = {dataset: folder / dataset / INDEX_FILES[0] for dataset in recipe.datasets}
    return {dataset: index for dataset, index in indexes.items() if index.is_file()}


def _skipped(recipe: Recipe) -> dict[str, dict[int, int]]:
    """Tokens of an epoch that are in no sample, by dataset and by tokens of a sample."""
    indexes = _indexes(recipe)
    if not indexes:
        return {}
    from nano3.sampling.pools import skipped_by_length  # imports numpy, which nothing else here needs

    skips = {}
    for dataset, index in indexes.items():
        entries = read_entries(index.parent, read_receipt(index, IndexReceipt).facts.shards.digest)
        phases = [phase for phase in recipe.phases if dataset in recipe.datasets_of(phase)]
        lengths = sorted({length for phase in phases for length in recipe.sequence_lengths(phase)})
        tokens = [entry.tokens for entry in entries if entry.tokens]
        skips[dataset] = skipped_by_length(tokens, recipe.train.block_tokens, lengths) if tokens else {}
    return skips


def _parts(recipe: Recipe, phase: str, tokens: dict[str, int]) -> list[Part]:
    try:
        return resolved(mixture_decision(recipe, phase), tokens)
    except MixtureError as error:
        raise MixtureError(f"{phase}: {error}") from None
    except KeyError as error:
        raise ConfigError(
            f"config/datasets/{error.args[0]}.yaml: {phase}'s shares depend on its tokens, which nobody has counted: "
            "add tokens_estimate, or make its tokens with `snakemake --until index_dataset`"
        ) from None


HEADING = """\
needed, in tokens by the phase; there, in tokens of the dataset; epochs, of the dataset when the phase ends, with what
earlier phases drew of it; most, the cap of epochs."""
SKIPS = "Of an epoch, in no sample because it ends a shuffle block and is shorter, by tokens of a sample:"


def as_text(plan: dict[str, Any]) -> str:
    """The plan for a terminal: a table per phase, categories with their datasets, and what is over a cap."""
    return "\n\n".join(
        [
            f"Recipe {plan['recipe']}\n{HEADING}",
            *(_phase(phase, data, plan["over_cap"]) for phase, data in plan["phases"].items()),
            *_skips(plan),
        ]
    )


def _skips(plan: dict[str, Any]) -> list[str]:
    tokens = {name: row["available"] for data in plan["phases"].values() for name, row in data["datasets"].items()}
    parts = {name: skipped(skips, tokens[name]) for name, skips in plan["skipped"].items() if name in tokens}
    lines = [f"  {name}: {part.replace(SPACE, ' ')}" for name, part in parts.items() if part]
    return ["\n".join([SKIPS, *lines])] if lines else []


def _phase(phase: str, data: dict[str, Any], over_cap: str | None) -> str:
    rows = data["datasets"]
    guessed = any(row["estimated"] for row in rows.values())
    lines = [f"{phase}: {compact(data['tokens'])} tokens"]
    lines.append(ROW.format("", "asked", "share", "needed", "there", "epochs", "most"))
    for category in dict.fromkeys(row["category"] for row in rows.values()):
        group = {name: row for name, row in rows.items() if row["category"] == category}
        if [*group] != [category]:
            lines.append(_line(category, _sum(group)))
        lines += [_line(name if name == category else f"  {name}", row) for name, row in group.items()]
    lines.append(_line("sum", _sum(rows)))
    if guessed:
        lines.append("~ is its publisher's count: the dataset is not tokenized yet.")
    if missing := data["without_data"]:
        listed = ", ".join(f"{name} {share:g}" for name, share in missing.items())
        lines.append(f"Without data: {listed}, on the mixture's scale; the shares above are of what is left.")
    over = [(name, row) for name, row in rows.items() if is_over(row)]
    if over:
        verb = {"redistribute": "cut to their caps, the rest goes to others", "allow": "allowed"}[str(over_cap)]
        lines.append(f"Over their caps ({verb}), in epochs asked for and most:")
        lines += [f"  {name} {row['epochs_asked']:.3g} > {row['max_epochs']:g}" for name, row in over]
    return "\n".join(lines)


def is_over(row: dict[str, Any]) -> bool:
    """Whether a dataset's share was over its cap: it was cut, or more epochs are drawn than the cap."""
    most = row["max_epochs"]
    return most is not None and (row["share"] < row["asked"] * (1 - 1e-9) or row["epochs"] > most * (1 + 1e-9))


def _sum(rows: dict[str, dict[str, Any]]) -> dict[str, Any]:
    known = [row["available"] for row in rows.values() if row["available"] is not None]
    return {
        "asked": sum(row["asked"] for row in rows.values()),
        "share": sum(row["share"] for row in rows.values()),
        "needed": sum(row["needed"] for row in rows.values()),
        "available": sum(known) if len(known) == len(rows) else None,
        "estimated": any(row["estimated"] for row in rows.values()),
        "epochs": None,
        "max_epochs": None,
    }


def _line(name: str, row: dict[str, Any]) -> str:
    available = "?" if row["available"] is None else f"{'~' if row['estimated'] else ''}{compact(row['available'])}"
    epochs = "" if row["epochs"] is None else f"{row['epochs']:.2f}"
    most = "" if row["max_epochs"] is None else f"{row['max_epochs']:g}"
    asked, share = (f"{row[key] * 100:.3f} %" for key in ("asked", "share"))
    return ROW.format(name, asked, share, compact(row["needed"]), available, epochs, most).rstrip()
