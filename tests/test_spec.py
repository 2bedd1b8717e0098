from itertools import pairwise
from typing import Any

import pytest

from nano3.resolve import load_recipe
from nano3.spec import Spec, segment_specs, stretches

BLENDS = {"phase1": "a", "phase2": "b", "long_context": "c"}


def specs(overrides: str = "", **blends: str) -> dict[tuple[str, str], Spec]:
    return segment_specs(load_recipe("tiny", overrides)[1], BLENDS | blends)


def changed(overrides: str = "", **blends: str) -> list[str]:
    """Segments to train again after a change."""
    before, after = specs(), specs(overrides, **blends)
    return [segment for (phase, segment), spec in after.items() if before.get((phase, segment)) != spec]


ALL = ["stable", "decay", "anneal", "long_1", "short", "long_2"]


@pytest.mark.parametrize(
    ("change", "again"),
    [
        ("layout.threads=1 layout.micro_batch_tokens=64 checkpoint.save_interval=3 checkpoint.save=/x", []),
        ("evaluation.tokens=99999", []),
        ("learning_rate.floor=1e-5", ALL[1:]),
        ("learning_rate.decay_style=linear", ALL[1:]),
        ("learning_rate.peak=1e-3", ALL),
        ("phases.long_context.learning_rate=1e-5", ALL[3:]),
        ("phases.long_context.segments.long_2.tokens=99999", ["long_1", "short", "long_2"]),
        ("phases.long_context.segments.short.global_batch_size=4", ALL[4:]),
        ("optimizer.adam_beta1=0.95 optimizer.adam_beta2=0.9", ALL),
        ("train.seed=5", ALL),
        ("model.moe_router_topk=3", ALL),
    ],
)
def test_a_change_trains_again_from_where_it_first_matters(change: str, again: list[str]) -> None:
    assert changed(change) == again


def test_another_blend_trains_again_from_its_phase_on() -> None:
    assert changed(phase2="B") == ALL[2:]
    assert changed(long_context="C") == ALL[3:]


def test_specs_reach_as_far_as_blends_are_known() -> None:
    recipe = load_recipe("tiny")[1]
    assert [segment for _, segment in segment_specs(recipe, {"phase1": "a"})] == ["stable", "decay"]


@pytest.mark.parametrize(
    "overrides", ["", "train.train_iters=37", "train.global_batch_size=24", "train.train_iters=999"]
)
def test_all_tokens_are_trained_on_to_within_a_batch(overrides: str) -> None:
    recipe = load_recipe("tiny", overrides)[1]
    plan = stretches(recipe)
    target = sum(phase.tokens for phase in recipe.phases.values())
    batch = max(stretch.global_batch_size * stretch.sequence_length for stretch in plan)
    assert abs(plan[-1].last_token - target) <= batch
    for before, after in pairwise(plan):
        assert after.first_step == before.first_step + before.steps
        assert after.first_token == before.last_token


def test_segments_of_one_length_share_a_stream_without_gap_or_overlap() -> None:
    plan: dict[str, Any] = {stretch.segment: stretch for stretch in stretches(load_recipe("tiny")[1])}
    assert plan["stable"].first_sample == plan["anneal"].first_sample == plan["long_1"].first_sample == 0
    assert plan["decay"].first_sample == plan["stable"].steps * plan["stable"].global_batch_size
    assert plan["long_2"].first_sample == plan["long_1"].steps * plan["long_1"].global_batch_size
    assert plan["short"].first_sample == 0
    samples = sum(plan[name].steps * plan[name].global_batch_size for name in ("stable", "decay"))
    assert plan["stable"].phase_samples == plan["decay"].phase_samples == samples
