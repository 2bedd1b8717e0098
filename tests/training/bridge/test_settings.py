"""The settings of a segment for Megatron-Bridge, which is not needed for them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler

from nano3.training.bridge.settings import bridge_settings, schedule
from tests.training.recipes import RECIPES, curve, segments


def rates(settings: dict[str, Any], samples: list[int]) -> list[float]:
    """What Megatron-Core's scheduler makes of settings at these numbers of samples, as Bridge builds it."""
    group = {"params": [torch.nn.Parameter(torch.zeros(1))], "wd_mult": 1.0}
    optimizer = torch.optim.SGD([group], lr=1.0)
    scheduler = OptimizerParamScheduler(
        optimizer,
        init_lr=settings["scheduler.lr_warmup_init"],
        max_lr=settings["optimizer.lr"],
        min_lr=settings["optimizer.min_lr"],
        lr_warmup_steps=settings["scheduler.lr_warmup_samples"],
        lr_decay_steps=settings["scheduler.lr_decay_samples"],
        lr_decay_style=settings["scheduler.lr_decay_style"],
        start_wd=settings["scheduler.start_weight_decay"],
        end_wd=settings["scheduler.end_weight_decay"],
        wd_incr_steps=1,
        wd_incr_style=settings["scheduler.weight_decay_incr_style"],
        wsd_decay_steps=settings["scheduler.lr_wsd_decay_samples"],
        lr_wsd_decay_style=settings["scheduler.lr_wsd_decay_style"],
    )
    found = []
    for place in samples:
        scheduler.num_steps = 0
        scheduler.step(place)
        found.append(float(optimizer.param_groups[0]["lr"]))
    return found


@pytest.mark.parametrize("style", ["minus_sqrt", "linear", "cosine", "exponential"])
@pytest.mark.parametrize("name", RECIPES)
def test_the_learning_rate_of_every_step_is_that_of_the_curve(name: str, style: str) -> None:
    recipe = RECIPES[name]
    decay = recipe.learning_rate.model_copy(update={"decay_style": style})
    for spec, parallel_plan, before in segments(recipe.model_copy(update={"learning_rate": decay})):
        steps, ours = zip(*curve(spec), strict=True)
        settings = schedule(spec, before)
        theirs = rates(settings, [before + step * parallel_plan.batch for step in steps])
        assert theirs == pytest.approx(ours, rel=1e-9)
        assert (settings["scheduler.lr_decay_style"] == "WSD") == ("decay" in spec["learning_rate"])


def test_a_segment_ends_at_its_own_step_and_goes_on_from_the_checkpoint_it_is_given(tmp_path: Path) -> None:
    found = segments(RECIPES["uneven"])
    for spec, parallel_plan, before in found:
        settings = bridge_settings(
            spec,
            parallel_plan,
            samples_before=before,
            folder=tmp_path,
            checkpoint=tmp_path / "iter_0000041",
            save_interval=7,
            stop_minutes=None,
        )
        last = spec["steps"]["first"] + spec["steps"]["count"]
        assert settings["train.train_samples"] == last * settings["train.global_batch_size"]
        assert (settings["checkpoint.load"], settings["checkpoint.ckpt_step"]) == (str(tmp_path), 41)
        assert settings["checkpoint.exit_on_missing_checkpoint"]
        assert settings["model.seq_length"] == parallel_plan.length
    assert len({spec["batch"]["global_batch_size"] for spec, _, _ in found}) == 5


def test_layout_is_in_the_settings_and_not_in_the_spec() -> None:
    found = segments(RECIPES["nano3"])
    spec, parallel_plan, before = next(each for each in found if each[1].length == 524_288)
    assert not [key for key in str(spec).split("'") if "parallel" in key]
    settings = bridge_settings(
        spec, parallel_plan, samples_before=before, folder=Path(), checkpoint=None, save_interval=1, stop_minutes=None
    )
    sizes = {key: value for key, value in settings.items() if key.endswith("parallel_size")}
    assert sizes == {
        "model.tensor_model_parallel_size": 8,
        "model.pipeline_model_parallel_size": 4,
        "model.virtual_pipeline_model_parallel_size": None,
        "model.context_parallel_size": 8,
        "model.expert_model_parallel_size": 8,
        "model.expert_tensor_parallel_size": 1,
    }
    assert settings["model.sequence_parallel"]
    assert (settings["train.global_batch_size"], settings["train.micro_batch_size"]) == (48, 1)
