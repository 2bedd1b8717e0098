"""The learning rate and the steps, as one function of tokens, for random recipes and for those of the repository."""

from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from nano3.artifact.steps import Spec
from nano3.config.load import load_recipe
from nano3.config.recipe import Recipe
from nano3.config.schedule import learning_rate
from nano3.preview.schedule import schedule
from nano3.training.spec import curve_until, scheduled_segments
from tests.receipts import SPEC

TINY = load_recipe("tiny")[1].model_dump()


@st.composite
def recipes(draw: st.DrawFn) -> Recipe:
    """Phases of some segments, the last one perhaps a chain at a constant rate, under a curve that fits them."""

    def segment() -> dict[str, int]:
        batch, length = draw(st.integers(1, 16)), draw(st.integers(1, 64))
        tokens = draw(st.integers(batch * length, 40 * batch * length))
        return {"tokens": tokens, "global_batch_size": batch, "sequence_length": length}

    mixture = {"tiny-math": 1.0}
    phases: dict[str, Any] = {
        f"p{number}": {
            "mixture": mixture,
            "segments": {f"s{place}": segment() for place in range(draw(st.integers(1, 3)))},
        }
        for number in range(draw(st.integers(1, 3)))
    }
    total = sum(each["tokens"] for phase in phases.values() for each in phase["segments"].values())
    if draw(st.booleans()):
        chain = {"rounds": draw(st.integers(1, 3)), "segments": {"long": segment(), "short": segment()}}
        phases["constant"] = {"mixture": mixture, "learning_rate": 1e-5, "chain": chain}
    warmup = draw(st.integers(0, total // 2))
    peak = draw(st.floats(1e-5, 1e-2))
    curve = {
        "peak": peak,
        "floor": peak * draw(st.floats(0, 1)),
        "warmup_tokens": warmup,
        "decay_tokens": draw(st.integers(0, total - warmup)),
        "decay_style": draw(st.sampled_from(["minus_sqrt", "linear", "cosine", "exponential"])),
    }
    return Recipe.model_validate(TINY | {"phases": phases, "learning_rate": curve})


@settings(deadline=None, max_examples=60)
@given(recipes())
def test_the_curve_is_the_one_that_training_uses(recipe: Recipe) -> None:
    from nano3.training.lr_scheduler import set_rate

    optimizer = torch.optim.AdamW([torch.nn.Parameter(torch.zeros(1))])
    for scheduled in scheduled_segments(recipe):
        spec: Spec = {
            **SPEC,
            "learning_rate": curve_until(recipe, scheduled),
            "optimizer": {"weight_decay": 0.1},
        }
        batch = scheduled.global_batch_size * scheduled.sequence_length
        for token in range(scheduled.first_token, scheduled.last_token, batch):
            rate = set_rate(optimizer, spec, token)
            assert learning_rate(spec["learning_rate"], token) == pytest.approx(rate, rel=1e-12, abs=1e-300)


def test_without_decay_steps_that_round_past_the_curve_stay_at_its_peak() -> None:
    segments = {
        "s0": {"tokens": 9, "global_batch_size": 2, "sequence_length": 3},
        "s1": {"tokens": 1, "global_batch_size": 1, "sequence_length": 1},
    }
    phases = {"p0": {"mixture": {"tiny-math": 1.0}, "segments": segments}}
    curve = {"peak": 1e-3, "floor": 0.0, "warmup_tokens": 0, "decay_tokens": 0, "decay_style": "linear"}
    recipe = Recipe.model_validate(TINY | {"phases": phases, "learning_rate": curve})
    last = scheduled_segments(recipe)[-1]
    assert last.last_step_token > recipe.curve_tokens
    assert learning_rate(curve_until(recipe, last), last.last_step_token) == 1e-3


@settings(deadline=None)
@given(recipes())
def test_segments_follow_one_continuous_curve(recipe: Recipe) -> None:
    curve, total = recipe.learning_rate, recipe.curve_tokens
    whole: dict[str, Any] = {"peak": curve.peak, "warmup_tokens": curve.warmup_tokens}
    if curve.decay_tokens:
        whole["decay"] = {
            "from_token": total - curve.decay_tokens,
            "tokens": curve.decay_tokens,
            "floor": curve.floor,
            "style": curve.decay_style,
        }
    for scheduled in scheduled_segments(recipe):
        part = curve_until(recipe, scheduled)
        for token in (scheduled.first_token, scheduled.last_step_token):
            expected = recipe.phases[scheduled.phase].learning_rate or learning_rate(whole, token)
            assert learning_rate(part, token) == expected
    steepest = 1 / max(1, curve.warmup_tokens) + max(1, curve.decay_tokens) ** -0.5 * 2
    turns = (0, curve.warmup_tokens, total - curve.decay_tokens, total)
    for token in {place + offset for place in turns for offset in range(-2, 3) if 0 <= place + offset <= total}:
        rise = abs(learning_rate(whole, token + 1) - learning_rate(whole, token))
        assert rise <= curve.peak * steepest
    assert learning_rate(whole, total + 1) in (curve.floor, curve.peak)


@settings(deadline=None)
@given(recipes())
def test_all_tokens_are_trained_on_to_within_a_batch(recipe: Recipe) -> None:
    plan = scheduled_segments(recipe)
    batch = max(scheduled.global_batch_size * scheduled.sequence_length for scheduled in plan)
    assert abs(plan[-1].last_token - sum(phase.tokens for phase in recipe.phases.values())) < batch
    for before, after in pairwise(plan):
        assert (after.first_step, after.first_token) == (before.first_step + before.steps, before.last_token)


@pytest.mark.parametrize(
    ("name", "batch", "length", "peak", "warmup_steps"),
    [("nano3", 8192, 4096, 1e-4, 251), ("nano3-report", 3072, 8192, 1e-3, 334)],
)
def test_the_published_numbers(name: str, batch: int, length: int, peak: float, warmup_steps: int) -> None:
    recipe = load_recipe(name)[1]
    page = schedule(name, recipe)
    on_curve = [row for row in page["segments"] if row["phase"] != "long_context"]
    assert {(row["global_batch_size"], row["sequence_length"]) for row in on_curve} == {(batch, length)}
    assert abs(page["tokens"]["trained"] - 25_121_000_000_000) < batch * length
    assert page["curve"]["warm-up ends"] == {"token": 8_400_000_000, "part": 8.4e9 / 25e12, "step": warmup_steps}
    assert page["curve"]["decay begins"]["part"] == 0.80
    assert recipe.phases["phase1"].tokens / recipe.curve_tokens == 0.94
    at_switch = next(row for row in page["segments"] if row["phase"] == "phase2")
    assert abs(at_switch["first_token"] / recipe.curve_tokens - 0.94) < 1e-5
    assert 1e-5 < at_switch["first_rate"] < peak  # phase2 lies inside the decay
    stable = [row for row in on_curve if row["first_token"] > 8.4e9 and row["last_token"] <= 20e12]
    assert {row["first_rate"] for row in stable} == {peak}
    assert on_curve[-1]["last_rate"] == pytest.approx(1e-5, rel=1e-3)
