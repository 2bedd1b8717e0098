from itertools import pairwise

import pytest

from nano3.artifact.steps import Spec
from nano3.config.load import load_recipe
from nano3.sampling.blend import normalized
from nano3.training.spec import PhaseBlend, scheduled_segments, segment_specs

BLENDS = {"phase1": "a", "phase2": "b", "long_context": "c"}


def specs(overrides: str = "", **blends: str) -> dict[tuple[str, str], Spec]:
    """Specs of recipe tiny; blends: content of a phase's blend, if it is another."""
    recipe = load_recipe("tiny", overrides)[1]
    mixed = {
        phase: PhaseBlend(content, normalized(recipe.phases[phase].mixture))
        for phase, content in (BLENDS | blends).items()
    }
    return segment_specs(recipe, mixed)


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
        ("phases.long_context.segments.long_2.tokens=99999", ["long_2"]),
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
    assert [segment for _, segment in segment_specs(recipe, {"phase1": PhaseBlend("a", {"tiny-math": 1.0})})] == [
        "stable",
        "decay",
    ]


@pytest.mark.parametrize(
    "overrides", ["", "train.train_iters=37", "train.global_batch_size=24", "train.train_iters=999"]
)
def test_all_tokens_are_trained_on_to_within_a_batch(overrides: str) -> None:
    recipe = load_recipe("tiny", overrides)[1]
    plan = scheduled_segments(recipe)
    target = sum(phase.tokens for phase in recipe.phases.values())
    batch = max(scheduled.global_batch_size * scheduled.sequence_length for scheduled in plan)
    assert abs(plan[-1].last_token - target) <= batch
    for before, after in pairwise(plan):
        assert after.first_step == before.first_step + before.steps
        assert after.first_token == before.last_token


def test_segments_of_a_phase_consume_its_samples_without_gap_or_overlap() -> None:
    plan = {scheduled.segment: scheduled for scheduled in scheduled_segments(load_recipe("tiny")[1])}
    assert plan["stable"].first_sample == plan["anneal"].first_sample == plan["long_1"].first_sample == 0
    assert plan["decay"].first_sample == plan["stable"].samples
    assert plan["long_2"].first_sample == plan["long_1"].samples + plan["short"].samples


def test_a_spec_holds_what_was_consumed_before_of_its_own_datasets_alone() -> None:
    recipe = load_recipe("tiny")[1]
    blends = {"phase1": PhaseBlend("a", {"x": 0.5, "y": 0.5}), "phase2": PhaseBlend("b", {"y": 0.25, "z": 0.75})}
    plan = segment_specs(recipe, blends)
    first, second = (scheduled.samples for scheduled in scheduled_segments(recipe)[:2])
    assert plan["phase1", "stable"]["data"]["consumed"] == {}
    consumed = plan["phase1", "decay"]["data"]["consumed"]
    assert abs(consumed["x"][0][1] - first / 2) <= 2
    assert consumed["x"][0][1] + consumed["y"][0][1] == first
    (length, samples), *more = plan["phase2", "anneal"]["data"]["consumed"]["y"]
    assert (length, more) == (recipe.train.sequence_length, [])
    assert abs(samples - (first + second) / 2) <= 2
    assert "x" not in plan["phase2", "anneal"]["data"]["consumed"]
