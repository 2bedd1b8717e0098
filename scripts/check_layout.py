"""Say how each segment of a recipe lies on its ranks, or which rule of Megatron its layout breaks."""

from nano3.config.load import load_recipe
from nano3.config.options import RecipeName, SetOption
from nano3.config.parallelism import ParallelPlan, parallel_plans, worlds
from nano3.core.cli import run

COLUMNS = (
    "segment",
    "ranks",
    "TP",
    "PP",
    "CP",
    "EP",
    "DP",
    "batch",
    "length",
    "micro",
    "passes",
    "tokens/rank",
    "idle",
)


def main(recipe: RecipeName, overrides: SetOption = None) -> None:
    """Print one line for each segment of the recipe."""
    _, loaded = load_recipe(recipe, overrides or "")
    plans = list(parallel_plans(loaded))
    lines = [COLUMNS, *(_line(f"{phase}/{segment}", parallel_plan) for phase, segment, parallel_plan in plans)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(COLUMNS))]
    for line in lines:
        print(line[0].ljust(widths[0]), *(word.rjust(width) for word, width in zip(line[1:], widths[1:], strict=True)))
    print()
    for phase, segment, parallel_plan in plans:
        if parallel_plan.layout.trainer == "bridge":
            print(f"{phase}/{segment} also fits on", ", ".join(f"{size:,}" for size in worlds(parallel_plan)), "ranks")
        elif (without := parallel_plan.world - parallel_plan.batch) > 0:
            print(
                f"{phase}/{segment}: {without:,} of {parallel_plan.world:,} ranks have no sequence: a step has "
                f"{parallel_plan.batch:,}; take fewer ranks"
            )


def _line(name: str, place: ParallelPlan) -> tuple[str, ...]:
    sizes = (place.world, place.tp, place.pp, place.cp, place.ep, place.data_parallel, place.batch, place.length)
    work = (place.micro_batch, place.micro_batches, round(place.tokens_per_rank))
    return (name, *(f"{number:,}" for number in (*sizes, *work)), f"{place.idle:.1%}")


if __name__ == "__main__":
    run(main, __doc__)
