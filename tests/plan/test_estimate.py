"""An estimate is work times measured rates, and none where nothing was measured."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from nano3.artifact.steps import SegmentReceipt, ShardReceipt, read_receipt
from nano3.config.load import load_recipe
from nano3.config.parameters import parameters
from nano3.graph.nodes import Certainty
from nano3.graph.request import Request
from nano3.plan.plan import as_json
from nano3.plan.text import as_text, sentences
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


def test_another_models_speed_is_a_first_guess_by_active_parameters(house: Path) -> None:
    wider = {"model.moe_ffn_hidden_size": 128, "model.moe_shared_expert_intermediate_size": 256}
    found = plan(what_if=wider)
    cost = found.estimate.training
    assert cost
    before, after = (parameters(load_recipe("tiny", edits=edits)[1].model).active for edits in ({}, wider))
    assert after > before
    assert cost.seconds == pytest.approx(cost.tokens / TOKENS_PER_SECOND * after / before)
    assert cost.guess
    assert cost.basis.startswith("first guess, ")
    assert cost.basis.endswith("from 6 receipts of another model by its active parameters")
    said = " ".join(as_text(found, colour=False).split())
    assert "(first guess, 4 jobs at a time)" in said
    assert as_json(found, sentences(found))["estimate"]["training"]["guess"] is True


def test_a_cpu_says_nothing_of_gpus(house: Path) -> None:
    edits = {"model.moe_router_topk": 3, "layout.trainer": "bridge", "train.precision": "bf16"}
    cost = plan(what_if=edits).estimate.training
    assert cost
    assert (cost.seconds, cost.guess) == (None, False)
    assert cost.basis == "nothing was measured yet with this model, nor with another"


def use_another_tokenizer() -> dict[str, Any]:
    """The same, but for its bytes."""
    Path("own").mkdir()
    text = Path("resources/tiny/tokenizer/tokenizer.json").read_text()
    Path("own/tokenizer.json").write_text(f"{text}\n")
    return {"tokenizer.path": "own", "tokenizer.name": "own"}


def test_another_tokenizers_speed_is_a_first_guess(house: Path) -> None:
    found = plan(what_if=use_another_tokenizer())
    cost = found.estimate.tokenizing
    assert cost
    assert cost.guess
    assert cost.seconds == pytest.approx(12 * SHARD_SECONDS)
    assert cost.basis.startswith("first guess, ")
    assert cost.basis.endswith("from 12 receipts of another tokenizer")


def test_other_settings_of_the_same_tokenizer_are_no_guess(house: Path) -> None:
    cost = plan(what_if={"tokenizer.add_bos": True}).estimate.tokenizing
    assert cost
    assert not cost.guess
    assert cost.basis.endswith("from 12 receipts")


def test_other_data_give_a_first_guess(house: Path) -> None:
    for path in Path("results/tokens").glob("*/*"):
        path.rename(path.with_name(f"other-{path.name}"))
    cost = plan(what_if=use_another_tokenizer()).estimate.tokenizing
    assert cost
    assert cost.guess
    assert cost.basis.endswith("from 12 receipts of other data")
    assert cost.seconds == pytest.approx(12 * SHARD_SECONDS)


@pytest.mark.parametrize(
    ("was", "asked", "factor"), [("gigatoken", "tokenizers", 30), ("tokenizers", "gigatoken", 1 / 30)]
)
def test_encoding_is_slower_or_faster_with_another_engine(house: Path, was: str, asked: str, factor: float) -> None:
    encoding = 0.5
    for path in Path("results/tokens").glob("*/*/train/*.json"):
        shard = read_receipt(path, ShardReceipt)
        facts = msgspec.structs.replace(shard.facts, engine=was, seconds={"encode": encoding})
        msgspec.structs.replace(shard, facts=facts).write(path)
    cost = plan(what_if={"tokenizer.engine": asked, "tokenizer.add_bos": True}).estimate.tokenizing
    assert cost
    assert cost.basis.endswith("of another engine")
    assert cost.seconds == pytest.approx(12 * (SHARD_SECONDS - encoding + encoding * factor))
