"""The recipes that a GPU trainer is tried with: tiny, and the numbers of Nemotron 3 Nano, specified and reported."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from nano3.layout import Placement, placements
from nano3.recipe import Phase, Recipe
from nano3.resolve import load_recipe
from nano3.spec import Mixed, segment_specs, stretches
from nano3.training.schedule import set_rate

STEPS = 40  # of a segment that has many: about as many are looked at

TINY = load_recipe("tiny")[1]
NANO3_MODEL = TINY.model.model_copy(
    update={
        "hybrid_override_pattern": "MEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEM*EMEMEMEM*EMEMEMEME",
        "vocab_size": 131_072,
        "hidden_size": 2_688,
        "num_attention_heads": 32,
        "kv_channels": 128,
        "mamba_num_heads": 64,
        "mamba_head_dim": 64,
        "mamba_state_dim": 128,
        "mamba_num_groups": 8,
        "num_moe_experts": 128,
        "moe_router_topk": 6,
        "moe_ffn_hidden_size": 1_856,
        "moe_shared_expert_intermediate_size": 3_712,
    }
)
WIDE = {"trainer": "bridge", "processes_per_node": 8, "expert_model_parallel_size": 8, "threads": 1}


@dataclass(frozen=True)
class Numbers:
    """What the specification and the report give differently. Tokens in billions."""

    batch: int
    length: int
    peak: float
    warmup: float


def _nano3(numbers: Numbers) -> Recipe:
    """Three phases with the model's numbers; long context is 512k and 4k in turn."""
    values = TINY.model_dump()
    short = {"nodes": 64, "tensor_model_parallel_size": 4, "micro_batch_tokens": 2 * numbers.length}
    long = {"nodes": 32, "tensor_model_parallel_size": 8, "context_parallel_size": 8, "micro_batch_tokens": 1}
    tokens = {"phase1": {"stable": 20_000, "decay": 3_500}, "phase2": {"anneal": 1_500}}
    values["phases"] = {
        phase: {"mixture": {"tiny-code": 1}, "segments": {name: {"tokens": n * 10**9} for name, n in segments.items()}}
        for phase, segments in tokens.items()
    } | {
        "long_context": {
            "mixture": {"tiny-code": 1},
            "learning_rate": 1e-5,
            "layout": WIDE | long | {"pipeline_model_parallel_size": 4},
            "segments": {
                "long_1": {"tokens": 60 * 10**9, "sequence_length": 524_288, "global_batch_size": 48},
                "short": {"tokens": 1 * 10**9, "sequence_length": 4_096, "global_batch_size": 48},
                "long_2": {"tokens": 60 * 10**9, "sequence_length": 1_048_576, "global_batch_size": 48},
            },
        }
    }
    values["model"] = NANO3_MODEL.model_dump()
    values["learning_rate"] |= {
        "peak": numbers.peak,
        "floor": 1e-5,
        "warmup_tokens": int(numbers.warmup * 10**9),
        "decay_tokens": 5_000 * 10**9,
    }
    values["train"] |= {"global_batch_size": numbers.batch, "sequence_length": numbers.length, "lane_tokens": 1 << 22}
    values["layout"] = WIDE | short
    recipe = Recipe.model_validate(values)
    return recipe.model_copy(update={"train": recipe.train.model_copy(update={"precision": "bf16"})})


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
    "nano3": _nano3(Numbers(8_192, 4_096, 1e-4, 8.4)),
    "nano3-report": _nano3(Numbers(3_072, 8_192, 1e-3, 8.4)),
}


def segments(recipe: Recipe) -> list[tuple[dict[str, Any], Placement, int]]:
    """Each segment's spec, its place on GPUs, and the samples of all segments before it."""
    specs = segment_specs(
        recipe,
        {name: Mixed(f"blend of {name}", dict.fromkeys(phase.mixture, 1.0)) for name, phase in recipe.phases.items()},
    )
    found, before = [], 0
    for (phase, segment, placement), stretch in zip(placements(recipe), stretches(recipe), strict=True):
        found.append((specs[phase, segment], placement, before))
        before += stretch.steps * stretch.global_batch_size
    return found


def curve(spec: dict[str, Any]) -> Iterator[tuple[int, float]]:
    """Steps of a segment, counted from its own first, with the CPU trainer's learning rate."""
    size = spec["batch"]["global_batch_size"] * spec["batch"]["sequence_length"]
    optimizer = torch.optim.SGD([{"params": [torch.nn.Parameter(torch.zeros(1))], "wd_mult": 1.0}], lr=1.0)
    count = spec["steps"]["count"]
    for step in sorted({*range(0, count, max(1, count // STEPS)), count - 1}):
        yield step, set_rate(optimizer, spec, spec["steps"]["first_token"] + step * size)
