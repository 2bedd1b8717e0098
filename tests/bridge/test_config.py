"""Every segment of every recipe as Bridge's real ConfigContainer, validated, with each setting read back."""

from pathlib import Path
from typing import Any

import pytest
import torch
from megatron.bridge.training.config import runtime_config_update
from megatron.bridge.training.optim import _get_scheduler
from megatron.core.activations import squared_relu

from nano3.artifact.steps import Spec
from nano3.config.parallelism import ParallelPlan
from nano3.training.attempts import TrainingError
from nano3.training.bridge.config import check_settings, check_version, configured, finished
from nano3.training.bridge.settings import bridge_settings
from nano3.training.bridge.trainer import SegmentProvider
from tests.training.recipes import RECIPES, curve, segments


def settings_of(spec: Spec, parallel_plan: ParallelPlan, before: int) -> dict[str, Any]:
    return bridge_settings(
        spec,
        parallel_plan,
        samples_before=before,
        folder=Path("results/weights/x"),
        checkpoint=Path("results/weights/y/iter_0000012") if before else None,
        save_interval=100,
        stop_minutes=230.5,
    )


def validated(settings: dict[str, Any], parallel_plan: ParallelPlan, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("WORLD_SIZE", str(parallel_plan.world))
    config = configured(settings, SegmentProvider())
    runtime_config_update(config)
    return config


@pytest.mark.parametrize("name", RECIPES)
def test_every_setting_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check_version()
    for spec, parallel_plan, before in segments(RECIPES[name]):
        settings = settings_of(spec, parallel_plan, before)
        config = validated(settings, parallel_plan, monkeypatch)
        check_settings(config, finished(settings))
        assert config.model.activation_func is squared_relu
        assert config.data_parallel_size == parallel_plan.data_parallel
        assert config.train.train_iters == spec["steps"]["first"] + spec["steps"]["count"]


@pytest.mark.parametrize("name", RECIPES)
def test_bridge_has_our_learning_rate_at_each_step(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for spec, parallel_plan, before in segments(RECIPES[name]):
        config = validated(settings_of(spec, parallel_plan, before), parallel_plan, monkeypatch)
        groups = [{"params": [torch.nn.Parameter(torch.zeros(1))], "wd_mult": 1.0, "lr_mult": 1.0}]
        optimizer = torch.optim.SGD(groups, lr=1.0)
        scheduler = _get_scheduler(config.optimizer, config.scheduler, optimizer)
        scheduler.step(before)
        done = 0
        for step, rate in curve(spec):
            scheduler.step((step - done) * parallel_plan.batch)
            done = step
            assert optimizer.param_groups[0]["lr"] == pytest.approx(rate, rel=1e-9)
            assert optimizer.param_groups[0]["weight_decay"] == spec["optimizer"]["weight_decay"]


def test_a_setting_without_a_field_is_an_error() -> None:
    with pytest.raises(TrainingError, match=r"has no setting scheduler\.warmup_iters"):
        configured({"scheduler.warmup_iters": 333}, SegmentProvider())


def test_a_value_that_bridge_changes_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    spec, parallel_plan, _ = segments(RECIPES["tiny"])[0]
    settings = settings_of(spec, parallel_plan, 0) | {"train.exit_signal_handler": False}
    config = validated(settings, parallel_plan, monkeypatch)
    with pytest.raises(TrainingError, match=r"made train\.exit_signal_handler False, where True was set"):
        check_settings(config, finished(settings | {"train.exit_signal_handler": True}))
