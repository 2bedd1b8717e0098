"""
The mixture of each phase: what is asked for, what caps make of it, and how often each dataset is then seen.

Tokens are counted where a dataset is tokenized, else what its publisher says: those are marked as estimates.
"""

from pathlib import Path
from typing import Any

from nano3.catalog import read_dataset
from nano3.freshness import INDEX_FILES
from nano3.keys import mixture_decision
from nano3.mixture import Part, resolved
from nano3.receipt import read_receipt
from nano3.recipe import Recipe
from nano3.report.wording import compact
from nano3.schema import ConfigError

ROW = "{:<56} {:>9} {:>9} {:>9} {:>9} {:>8} {:>5}"


def mixture_plan(name: str, recipe: Recipe) -> dict[str, Any]:
    """
    By phase: tokens, without_data and datasets, each with its category, asked and share (of the phase's samples, before
    and after caps), needed (tokens), available (tokens; null if nobody knows), estimated (whether that is its
    publisher's count), epochs (when the phase ends), epochs_asked (had all phases drawn what was asked up to this one's
    end) and max_epochs (null without a cap).

    Raises MixtureError if the shares can't be drawn, ConfigError if they depend on tokens that nobody knows.
    """
    tokens, estimated = known_tokens(recipe)
    wanted: dict[str, float] = {}
    phases: dict[str, Any] = {}
    for phase, section in recipe.phases.items():
        rows = {}
        for part in _parts(recipe, phase, tokens):
            wanted[part.dataset] = wanted.get(part.dataset, 0.0) + float(part.asked) * section.tokens
            there = tokens.get(part.dataset)
            needed = part.share * section.tokens
            rows[part.dataset] = {
                "category": part.category,
                "asked": float(part.asked),
                "share": float(part.share),
                "needed": round(needed),
                "available": there,
                "estimated": part.dataset in estimated,
                "epochs": float((part.drawn + needed) / there) if there else None,
                "epochs_asked": wanted[part.dataset] / there if there else None,
                "max_epochs": recipe.max_epochs(phase, part.dataset),
            }
        order = list(section.mixture)
        rows = dict(
            sorted(rows.items(), key=lambda item: order.index(item[0] if item[0] in order else item[1]["category"]))
        )
        phases[phase] = {"tokens": section.tokens, "without_data": section.without_data, "datasets": rows}
    return {"recipe": name, "over_cap": recipe.repetition and recipe.repetition.over_cap, "phases": phases}


def known_tokens(recipe: Recipe) -> tuple[dict[str, int], set[str]]:
    """Tokens of the recipe's datasets, as far as they are known, and which of them are estimates."""
    try:
        folder: Path | None = Path("results/tokens") / recipe.tokens_name
    except ConfigError:  # the tokenizer is not pinned, so nothing is tokenized
        folder = None
    tokens, estimated = {}, set()
    for dataset in recipe.datasets:
        index = folder / dataset / INDEX_FILES[0] if folder else None
        if index and index.is_file():
            tokens[dataset] = int(read_receipt(index)["facts"]["tokens"])
        elif estimate := read_dataset(dataset).tokens_estimate:
            tokens[dataset] = estimate
            estimated.add(dataset)
    return tokens, estimated


def _parts(recipe: Recipe, phase: str, tokens: dict[str, int]) -> list[Part]:
    try:
        parts = resolved(mixture_decision(recipe, phase), tokens)
    except KeyError as error:
        raise ConfigError(
            f"config/datasets/{error.args[0]}.yaml: {phase}'s shares depend on its tokens, which nobody has counted: "
            f"add tokens_estimate, or make its tokens with `snakemake --until index_dataset`"
        ) from None
    if recipe.repetition and recipe.repetition.over_cap != "allow":
        return parts
    drawn = dict.fromkeys(recipe.datasets, 0)
    earlier = list(recipe.phases)[: list(recipe.phases).index(phase)]
    sums: dict[str, Any] = dict(drawn)
    for before in earlier:
        for part in resolved(mixture_decision(recipe, before), tokens):
            sums[part.dataset] += part.share * recipe.phases[before].tokens
    return [Part(**(vars(part) | {"drawn": sums[part.dataset]})) for part in parts]


def as_text(plan: dict[str, Any]) -> str:
    """The plan for a terminal: a table per phase, categories with their datasets, and what is over a cap."""
    return "\n\n".join(
        [f"Recipe {plan['recipe']}", *(_phase(phase, told, plan["over_cap"]) for phase, told in plan["phases"].items())]
    )


def _phase(phase: str, told: dict[str, Any], over_cap: str | None) -> str:
    rows = told["datasets"]
    guessed = any(row["estimated"] for row in rows.values())
    lines = [f"{phase}: {compact(told['tokens'])} tokens"]
    lines.append(ROW.format("", "asked", "share", "needed", "there", "epochs", "most"))
    for category in dict.fromkeys(row["category"] for row in rows.values()):
        group = {name: row for name, row in rows.items() if row["category"] == category}
        if [*group] != [category]:
            lines.append(_line(category, _sum(group)))
        lines += [_line(name if name == category else f"  {name}", row) for name, row in group.items()]
    lines.append(_line("sum", _sum(rows)))
    if guessed:
        lines.append("~ is its publisher's count: the dataset is not tokenized yet.")
    if missing := told["without_data"]:
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
    there = "?" if row["available"] is None else f"{'~' if row['estimated'] else ''}{compact(row['available'])}"
    epochs = "" if row["epochs"] is None else f"{row['epochs']:.2f}"
    most = "" if row["max_epochs"] is None else f"{row['max_epochs']:g}"
    asked, share = (f"{row[key] * 100:.3f} %" for key in ("asked", "share"))
    return ROW.format(name, asked, share, compact(row["needed"]), there, epochs, most).rstrip()
