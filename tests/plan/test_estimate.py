"""An estimate is work times measured rates, and none where nothing was measured."""

from pathlib import Path

import msgspec
import pytest

from nano3.artifact.steps import SegmentReceipt, read_receipt
from nano3.config.load import load_recipe
from nano3.graph.nodes import Certainty
from nano3.graph.request import Request
from nano3.plan.text import as_text
from nano3.training.spec import scheduled_segments
from tests.built import SHARD_SECONDS, TOKENS_PER_SECOND
from tests.plan.conftest import pin_again, plan


def test_costs_are_work_times_measured_rates(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01", "set-mm-00")
    cost = plan().estimate
    shards = Request.of(*load_recipe("tiny")).shards["tiny-math"]
    sizes = [shards[name][0].bytes for name in ("set-mm-00", "set-mm-01")]
    per_byte = 3 * SHARD_SECONDS / sum(shard.bytes for shard, _ in shards.values())
    assert cost.tokenizing
    assert cost.tokenizing.bytes == sum(sizes)
    assert cost.tokenizing.seconds == pytest.approx(sum(sizes) * per_byte)
    assert cost.wall(Certainty.WILL) == pytest.approx(max(*sizes, sum(sizes) / 2) * per_byte)
    assert cost.training is None
    assert cost.perhaps
    assert cost.perhaps.seconds == pytest.approx(cost.perhaps.tokens / TOKENS_PER_SECOND)
    both = (cost.wall(Certainty.WILL) or 0) + (cost.perhaps.seconds or 0)
    assert cost.wall(Certainty.IF) == pytest.approx(both)
    assert cost.tokenizing.basis.endswith("/s per process, from 12 receipts")


def test_gpus_are_counted_in_gpu_hours(house: Path) -> None:
    for path in Path("results/checkpoints").glob("*/*/*/receipt.json"):
        trained = read_receipt(path, SegmentReceipt)
        msgspec.structs.replace(trained, facts=msgspec.structs.replace(trained.facts, gpus=8)).write(path)
    found = plan(what_if={"train.seed": 5})
    cost = found.estimate.training
    assert cost
    assert cost.seconds == pytest.approx(cost.tokens / TOKENS_PER_SECOND * 8)
    assert found.estimate.wall(Certainty.WILL) == pytest.approx(cost.tokens / TOKENS_PER_SECOND)
    assert f"{(cost.seconds or 0) / 3600:.1f} GPU hours" in as_text(found, colour=False)


def test_what_was_trained_by_another_recipe_costs_nothing_again(house: Path) -> None:
    whole = sum(each.tokens for each in scheduled_segments(load_recipe("tiny")[1]))
    Path("results/checkpoints/tiny/phase2/anneal/receipt.json").unlink()
    cost = plan("phase2").estimate.training
    assert cost
    assert (cost.segments, cost.tokens, cost.seconds) == (1, 0, 0)
    again = plan(what_if={"train.seed": 5}).estimate.training
    assert again
    assert again.tokens == whole


def test_without_a_measurement_there_is_no_estimate(bare: Path) -> None:
    found = plan()
    assert found.estimate.wall(Certainty.WILL) is None
    text = as_text(found, colour=False)
    assert "no estimate: nothing was measured yet" in text
    assert "wall time" not in text


def test_another_models_speed_is_no_measurement(house: Path) -> None:
    cost = plan(what_if={"model.moe_router_topk": 3}).estimate.training
    assert cost
    assert (cost.seconds, cost.basis) == (None, "nothing was measured yet with this model")
