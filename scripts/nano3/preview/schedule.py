"""How long does a recipe train, and at which learning rate? Segments in whole steps, and the curve over tokens."""

from itertools import pairwise
from typing import Any

from nano3.config.recipe import Recipe
from nano3.config.schedule import learning_rate
from nano3.core.formatting import compact, many, rate
from nano3.training.spec import ScheduledSegment, curve_until, scheduled_segments

POINTS = 200  # of a segment's curve
ROW = "{:<13} {:<10} {:>17} {:>9} {:>7} {:>8} {:>11} {:>19} {:>13} {:>9} {:>9}"


def schedule(name: str, recipe: Recipe) -> dict[str, Any]:
    """
    recipe: its name. tokens: `asked` of all phases, `trained` in whole steps. steps. curve: where the learning rate
    turns, in tokens and in steps of the whole training, rounded up to a step's end. segments: each with phase, segment,
    asked and trained (tokens), steps, global_batch_size, sequence_length, first_token, last_token and the learning rate
    of its first and last step, as training uses it. points: see sampled_curve.
    """
    plan = scheduled_segments(recipe)
    targets = [segment.tokens for _, _, segment, _, _ in recipe.segments()]
    rows = [
        {
            "phase": scheduled.phase,
            "segment": scheduled.segment,
            "asked": tokens,
            "trained": scheduled.tokens,
            "steps": scheduled.steps,
            "global_batch_size": scheduled.global_batch_size,
            "sequence_length": scheduled.sequence_length,
            "first_token": scheduled.first_token,
            "last_token": scheduled.last_token,
            "first_rate": learning_rate(curve_until(recipe, scheduled), scheduled.first_token),
            "last_rate": learning_rate(curve_until(recipe, scheduled), scheduled.last_step_token),
        }
        for scheduled, tokens in zip(plan, targets, strict=True)
    ]
    curve, total = recipe.learning_rate, recipe.curve_tokens
    turns = {"warm-up ends": curve.warmup_tokens, "decay begins": total - curve.decay_tokens, "decay ends": total}
    return {
        "recipe": name,
        "tokens": {"asked": sum(targets), "trained": plan[-1].last_token},
        "steps": plan[-1].first_step + plan[-1].steps,
        "curve": {
            turn_name: {"token": token, "part": token / total, "step": _step_at(plan, token)}
            for turn_name, token in turns.items()
        },
        "segments": rows,
        "points": sampled_curve(recipe),
    }


def _step_at(plan: list[ScheduledSegment], token: int) -> int:
    """The first step after which this many tokens have been trained on, or the last of all."""
    for scheduled in plan:
        if token <= scheduled.last_token:
            batch = scheduled.global_batch_size * scheduled.sequence_length
            return scheduled.first_step + max(0, -(-(token - scheduled.first_token) // batch))
    return plan[-1].first_step + plan[-1].steps


def sampled_curve(recipe: Recipe) -> dict[str, tuple[list[int], list[float]]]:
    """By phase, tokens and the learning rate there, at the beginnings of about POINTS steps of each segment."""
    out: dict[str, tuple[list[int], list[float]]] = {phase: ([], []) for phase in recipe.phases}
    for scheduled in scheduled_segments(recipe):
        batch, curve = scheduled.global_batch_size * scheduled.sequence_length, curve_until(recipe, scheduled)
        steps = sorted({round(number * (scheduled.steps - 1) / POINTS) for number in range(POINTS + 1)})
        for step in steps:
            out[scheduled.phase][0].append(scheduled.first_token + step * batch)
            out[scheduled.phase][1].append(learning_rate(curve, scheduled.first_token + step * batch))
    return out


def as_text(data: dict[str, Any]) -> str:
    """The schedule for a terminal."""
    lines = [f"Recipe {data['recipe']}", ""]
    heads = ("phase", "segment", "tokens asked for", "steps", "batch", "length", "tokens/step", "tokens", "rounding")
    lines.append(ROW.format(*heads, "rate from", "to"))
    for row in data["segments"]:
        batch = row["global_batch_size"] * row["sequence_length"]
        cells = (f"{row['steps']:,}", f"{row['global_batch_size']:,}", f"{row['sequence_length']:,}", f"{batch:,}")
        off = f"{row['trained'] - row['asked']:+,}"
        rates = (_exact(row["first_rate"]), _exact(row["last_rate"]))
        lines.append(
            ROW.format(row["phase"], row["segment"], f"{row['asked']:,}", *cells, f"{row['trained']:,}", off, *rates)
        )
    targets, trained = data["tokens"]["asked"], data["tokens"]["trained"]
    lines += [
        "",
        f"{many(data['steps'], 'step')}, {trained:,} tokens: {trained - targets:+,} to the {targets:,} asked for",
    ]
    for turn_name, turn in data["curve"].items():
        lines.append(
            f"{turn_name} at {turn['token']:,} tokens, {turn['part']:.4%} of the curve, in step {turn['step']:,}"
        )
    for before, after in pairwise(data["segments"]):
        if before["phase"] != after["phase"]:
            lines.append(f"{after['phase']} begins at {compact(after['first_token'])} tokens")
    return "\n".join(lines)


def _exact(number: float) -> str:
    """A learning rate with the digits that tell a decay."""
    return rate(number) if number == float(f"{number:.1e}") else f"{number:.3e}".replace("e-0", "e-").replace("-", "−")
