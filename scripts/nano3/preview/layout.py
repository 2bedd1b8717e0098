"""How does each segment of a recipe lie on its ranks, and on how many others would it fit?"""

from typing import Any

from nano3.config.parallelism import ParallelPlan, parallel_plans, worlds
from nano3.config.recipe import Recipe

COLUMNS = {
    "segment": "segment",
    "ranks": "ranks",
    "tp": "TP",
    "pp": "PP",
    "cp": "CP",
    "ep": "EP",
    "dp": "DP",
    "batch": "batch",
    "length": "length",
    "micro_batch": "micro",
    "micro_batches": "passes",
    "tokens_per_rank": "tokens/rank",
    "idle": "idle",
}


def layout(recipe: Recipe) -> list[dict[str, Any]]:
    """
    One object for each segment of the recipe: COLUMNS, and the worlds (numbers of ranks) that it also fits on, or for
    the CPU trainer idle_ranks.
    """
    return [_segment(f"{phase}/{segment}", plan) for phase, segment, plan in parallel_plans(recipe)]


def _segment(name: str, plan: ParallelPlan) -> dict[str, Any]:
    sizes = (plan.world, plan.tp, plan.pp, plan.cp, plan.ep, plan.data_parallel, plan.batch, plan.length)
    work = (plan.micro_batch, plan.micro_batches, round(plan.tokens_per_rank), plan.idle)
    placed = dict(zip(COLUMNS, (name, *sizes, *work), strict=True))
    if plan.layout.trainer == "bridge":
        return placed | {"worlds": list(worlds(plan))}
    return placed | {"idle_ranks": max(0, plan.world - plan.batch)}


def as_text(segments: list[dict[str, Any]]) -> str:
    """A line for each segment, then on how many ranks each fits."""
    rows = [list(COLUMNS.values()), *([_cell(key, segment[key]) for key in COLUMNS] for segment in segments)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [" ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows]
    lines.append("")
    for segment in segments:
        name = segment["segment"]
        if "worlds" in segment:
            lines.append(f"{name} also fits on {', '.join(f'{size:,}' for size in segment['worlds'])} ranks")
        elif without := segment["idle_ranks"]:
            lines.append(
                f"{name}: {without:,} of {segment['ranks']:,} ranks have no sequence: a step has "
                f"{segment['batch']:,}; take fewer ranks"
            )
    return "\n".join(lines).rstrip("\n")


def _cell(key: str, value: Any) -> str:
    if key == "segment":
        return str(value)
    return f"{value:.1%}" if key == "idle" else f"{value:,}"
