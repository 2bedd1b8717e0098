"""How do two recipes differ? Their headline numbers, then every key that differs."""

from typing import Any

from nano3.artifact.digest import differences
from nano3.config.parameters import parameters
from nano3.config.recipe import Recipe
from nano3.core.formatting import compact, rate
from nano3.preview.schedule import sampled_curve, schedule


def sides(name: str, recipe: Recipe, other_name: str, other: Recipe) -> dict[str, Any]:
    """
    recipes: both names. rows: what, and its value in either. keys: what differs, by dotted key, the first value and the
    second. curves: of each recipe, see sampled_curve.
    """
    both = {name: recipe, other_name: other}
    headlines = {key: _headlines(key, each) for key, each in both.items()}
    left, right = (each.model_dump(exclude={"about"}) for each in both.values())
    return {
        "recipes": list(both),
        "rows": [[what, value, headlines[other_name][what]] for what, value in headlines[name].items()],
        "keys": differences(left, right),
        "curves": {key: sampled_curve(each) for key, each in both.items()},
    }


def _headlines(name: str, recipe: Recipe) -> dict[str, str]:
    model, plan = parameters(recipe.model), schedule(name, recipe)
    curve, turns = recipe.learning_rate, plan["curve"]
    rows = {
        "parameters": compact(model.total),
        "of them active; with the input embedding": f"{compact(model.active)}; "
        f"{compact(model.active + model.embeddings // 2)}",
        "layers": f"{len(recipe.model.hybrid_override_pattern)}",
        "tokens a step, phase1 and phase2": f"{recipe.train.global_batch_size:,} × {recipe.train.sequence_length:,} = "
        f"{recipe.train.global_batch_size * recipe.train.sequence_length:,}",
        "learning rate": f"{rate(curve.peak)} → {rate(curve.floor)}",
        "warm-up": _turn(turns["warm-up ends"]),
        "decay begins": _turn(turns["decay begins"]),
        "decay ends": _turn(turns["decay ends"]),
        "load-balancing loss": rate(recipe.model.moe_aux_loss_coeff),
    }
    for phase, section in recipe.phases.items():
        segments = [row for row in plan["segments"] if row["phase"] == phase]
        lengths = " and ".join(f"{length:,}" for length in dict.fromkeys(row["sequence_length"] for row in segments))
        steps = sum(row["steps"] for row in segments)
        rows[phase] = f"{compact(section.tokens)} tokens, {steps:,} steps, sequences of {lengths}"
    return rows


def _turn(turn: dict[str, Any]) -> str:
    return f"{compact(turn['token'])} tokens, step {turn['step']:,}"


def as_text(data: dict[str, Any]) -> str:
    """Both tables in Markdown, which a terminal can show, too."""
    names = data["recipes"]
    lines = [_row("", *names), "|---|---|---|", *(_row(*row) for row in data["rows"])]
    lines += ["", "Every key that differs:", "", _row("key", *names), "|---|---|---|"]
    lines += [_row(f"`{key}`", *map(_written, pair)) for key, pair in data["keys"].items()]
    return "\n".join(lines)


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _written(value: Any) -> str:
    if isinstance(value, float):
        return rate(value) if value < 0.01 else f"{value:g}"
    return f"{value:,}" if isinstance(value, int) else str(value)
