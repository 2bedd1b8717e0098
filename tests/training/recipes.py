"""The recipes that a GPU trainer is tried with: tiny, and the numbers of Nemotron 3 Nano, specified and reported."""

from collections.abc import Iterator

import torch

from nano3.artifact.steps import Spec
from nano3.config.load import load_recipe
from nano3.config.parallelism import ParallelPlan, parallel_plans
from nano3.config.recipe import Phase, Recipe
from nano3.training.lr_scheduler import set_rate
from nano3.training.spec import PhaseBlend, scheduled_segments, segment_specs

STEPS = 40  # of a segment that has many: about as many are looked at

TINY, NANO3, NANO3_REPORT = (load_recipe(name)[1] for name in ("tiny", "nano3", "nano3-report"))
NANO3_MODEL = NANO3.model


def _uneven() -> Recipe:
    """Tiny with a batch and a length of its own in each segment of the curve, one of them inside the warm-up."""
    segments = {
        "short": {"tokens": 3_072, "sequence_length": 64, "global_batch_size": 6},
        "long": {"tokens": 50_000, "sequence_length": 512, "global_batch_size": 3},
        "decay": {"tokens": 60_000, "sequence_length": 96, "global_batch_size": 7},
    }
    phase = Phase.model_validate(TINY.phases["phase1"].model_dump() | {"segments": segments})
    return TINY.model_copy(update={"phases": TINY.phases | {"phase1": phase}})


RECIPES = {
    "tiny": TINY,
    "uneven": _uneven(),
    "nano3": NANO3,
    "nano3-report": NANO3_REPORT,
}


def segments(recipe: Recipe) -> list[tuple[Spec, ParallelPlan, int]]:
    """Each segment's spec, its place on GPUs, and the samples of all segments before it."""
    specs = segment_specs(
        recipe,
        {
            name: PhaseBlend(f"blend of {name}", dict.fromkeys(phase.mixture, 1.0))
            for name, phase in recipe.phases.items()
        },
    )
    found, before = [], 0
    for (phase, segment, parallel_plan), scheduled in zip(
        parallel_plans(recipe), scheduled_segments(recipe), strict=True
    ):
        found.append((specs[phase, segment], parallel_plan, before))
        before += scheduled.steps * scheduled.global_batch_size
    return found


def curve(spec: Spec) -> Iterator[tuple[int, float]]:
    """Steps of a segment, counted from its own first, with the CPU trainer's learning rate."""
    size = spec["batch"]["global_batch_size"] * spec["batch"]["sequence_length"]
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "wd_mult": 1.0}], lr=1.0)
    count = spec["steps"]["count"]
    for step in sorted({*range(0, count, max(1, count // STEPS)), count - 1}):
        yield step, set_rate(optimizer, spec, spec["steps"]["first_token"] + step * size)
