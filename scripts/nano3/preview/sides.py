"""How do two recipes differ? Their headline numbers, then every key that differs; phases and datasets may be others."""

from collections.abc import Iterator, Mapping
from typing import Any

from nano3.config.parameters import parameters
from nano3.config.recipe import Recipe
from nano3.core.formatting import NONE, compact, many, rate
from nano3.preview.schedule import sampled_curve, schedule


def sides(name: str, recipe: Recipe, other_name: str, other: Recipe) -> dict[str, Any]:
    """
    recipes: both names. rows: what, and its value in either; null for a phase that one of them lacks. keys: what
    differs, by dotted key, the first value and the second; null where a recipe does not say. curves: of the first and
    the second, see sampled_curve. With the recipes swapped, every pair is swapped and nothing else.
    """
    both = {"first": (name, recipe), "second": (other_name, other)}
    headlines = [_headlines(*side) for side in both.values()]
    phases = [_phases(*side) for side in both.values()]
    rows: list[list[str | None]] = [[what, *(side[what] for side in headlines)] for what in headlines[0]]
    rows += [[phase, *(side.get(phase) for side in phases)] for phase in _merged(*map(list, phases))]
    return {
        "recipes": [name, other_name],
        "rows": rows,
        "keys": _differences(recipe, other),
        "curves": [sampled_curve(recipe), sampled_curve(other)],
    }


def _merged(first: list[str], second: list[str]) -> list[str]:
    """The names of both lists, by their places; the same whichever comes first."""
    places: dict[str, int] = {}
    for names in (first, second):
        for place, name in enumerate(names):
            places[name] = min(place, places.get(name, place))
    return sorted(places, key=lambda name: (places[name], name))


def _headlines(name: str, recipe: Recipe) -> dict[str, str]:
    model, plan = parameters(recipe.model), schedule(name, recipe)
    curve, turns = recipe.learning_rate, plan["curve"]
    batch, length = recipe.train.global_batch_size, recipe.train.sequence_length
    return {
        "tokenizer": recipe.tokenizer.name,
        "datasets": f"{len(recipe.datasets)}",
        "parameters": compact(model.total),
        "of them active; with the input embedding": f"{compact(model.active)}; "
        f"{compact(model.active + model.embeddings // 2)}",
        "layers": f"{len(recipe.model.hybrid_override_pattern)}",
        "tokens a step, unless a segment says otherwise": f"{batch:,} × {length:,} = {batch * length:,}",
        "learning rate": f"{rate(curve.peak)} → {rate(curve.floor)}",
        "warm-up": _turn(turns["warm-up ends"]),
        "decay begins": _turn(turns["decay begins"]),
        "decay ends": _turn(turns["decay ends"]),
        "load-balancing loss": rate(recipe.model.moe_aux_loss_coeff),
        "tokens trained on": f"{compact(plan['tokens']['trained'])}, {many(plan['steps'], 'step')}",
    }


def _phases(name: str, recipe: Recipe) -> dict[str, str]:
    """A line for each phase, in the order of training."""
    segments, lines = schedule(name, recipe)["segments"], {}
    for phase, section in recipe.phases.items():
        own = [row for row in segments if row["phase"] == phase]
        lengths = " and ".join(f"{length:,}" for length in dict.fromkeys(row["sequence_length"] for row in own))
        steps = sum(row["steps"] for row in own)
        lines[phase] = f"{compact(section.tokens)} tokens, {many(steps, 'step')}, sequences of {lengths}"
    return lines


def _turn(turn: dict[str, Any]) -> str:
    return f"{compact(turn['token'])} tokens, step {turn['step']:,}"


def _differences(recipe: Recipe, other: Recipe) -> dict[str, tuple[Any, Any]]:
    """Values that differ. Of what one recipe lacks as a whole, a phase or a category, defaults are left out."""
    values = [dict(_values(each.model_dump(exclude={"about"}))) for each in (recipe, other)]
    written = [dict(_values(each.model_dump(exclude={"about"}, exclude_defaults=True))) for each in (recipe, other)]
    found = {}
    for key in sorted({*values[0], *values[1]}):
        pair = values[0].get(key), values[1].get(key)
        told = all(key in side for side in values) or any(key in side for side in written)
        if pair[0] != pair[1] and told:
            found[key] = pair
    return found


def _values(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every value that is no mapping, by its dotted key; what is not set is left out."""
    if isinstance(value, Mapping):
        for name, part in value.items():
            yield from _values(part, f"{key}.{name}" if key else name)
    elif value is not None:
        yield key, value


def as_text(data: dict[str, Any]) -> str:
    """Both tables in Markdown, which a terminal can show, too."""
    names = data["recipes"]
    lines = [_row("", *names), "|---|---|---|", *(_row(what, *map(_written, pair)) for what, *pair in data["rows"])]
    if not data["keys"]:
        return "\n".join([*lines, "", "No key differs."])
    lines += ["", "Every key that differs:", "", _row("key", *names), "|---|---|---|"]
    lines += [_row(f"`{key}`", *map(_written, pair)) for key, pair in data["keys"].items()]
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _written(value: Any) -> str:
    if value is None:
        return NONE
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return rate(value) if value < 0.01 else f"{value:g}"
    if isinstance(value, list | tuple):
        return ", ".join(map(_written, value)) or "none"
    return f"{value:,}" if isinstance(value, int) else str(value)
