"""Bridge's own pretrain() on one pretended GPU, next to the CPU trainer from the same first weights."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import torch

from nano3.artifact.digest import digest_json, short
from nano3.artifact.steps import SegmentReceipt, Spec, Steps, read_receipt
from nano3.cluster.preemption import OUT_OF_TIME, STOP_AT, Preempted
from nano3.training import segment
from nano3.training.attempts import TrainingError
from nano3.training.bridge import config as bridge_config
from nano3.training.bridge import trainer as bridge
from nano3.training.bridge.settings import bridge_settings
from nano3.training.bridge.trainer import counters, newest_whole
from nano3.training.cpu.model import _layers, build_model
from tests.training.conftest import BATCH, LENGTH, MODEL, SHARES, Corpus

LAYOUT = {"trainer": "bridge", "micro_batch_tokens": BATCH * LENGTH, "threads": 1}
# Layers of torch instead of Transformer Engine's and Mamba's kernels, and nothing that only a GPU can do.
ON_CPU = {
    "model.transformer_impl": "local",
    "model.mamba_stack_spec": _layers(4),
    "model.attention_backend": "local",
    "model.attention_softmax_in_fp32": True,
    "comm_overlap": None,
    "dist.distributed_backend": "gloo",
    "checkpoint.ckpt_assume_constant_structure": False,
} | dict.fromkeys(
    [
        *(f"model.moe_{name}" for name in ("grouped_gemm", "permute_fusion")),
        *(f"model.{name}_fusion" for name in ("gradient_accumulation", "bias_dropout", "masked_softmax", "apply_rope")),
        *(f"model.{name}" for name in ("use_fused_weighted_squared_relu", "persist_layer_norm")),
        *(f"ddp.{name}" for name in ("overlap_grad_reduce", "overlap_param_gather", "average_in_collective")),
        "model.cross_entropy_loss_fusion",
    ],
    False,
)


@pytest.fixture(autouse=True)
def on_cpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """One rank in its own process group, the kernels of a CPU, and the weights that the CPU trainer begins with."""
    settings, configured = bridge_settings, bridge_config.configured

    def begins_as_the_cpu_trainer(config: Any, seed: int) -> Any:
        def load(chunks: list[Any]) -> list[Any]:
            torch.manual_seed(seed)
            chunks[0].load_state_dict(build_model(MODEL, "fp32").state_dict(), strict=False)
            return chunks

        config.model.register_pre_wrap_hook(load)
        config.dataset.num_workers = 0  # they would keep the lock of a segment that was stopped in this process
        return config

    monkeypatch.setattr(bridge, "bridge_settings", lambda *given, **named: settings(*given, **named) | ON_CPU)
    monkeypatch.setattr(
        bridge,
        "configured",
        lambda chosen, data: begins_as_the_cpu_trainer(configured(chosen, data), chosen["rng.seed"]),
    )
    for name in ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", STOP_AT):
        monkeypatch.delenv(name, raising=False)
    _forget_groups()


def _forget_groups() -> None:
    from megatron.core import num_microbatches_calculator, parallel_state, rerun_state_machine, tensor_parallel

    num_microbatches_calculator.unset_num_microbatches_calculator()
    rerun_state_machine.destroy_rerun_state_machine()
    parallel_state.destroy_model_parallel()
    tensor_parallel.random.initialize_rng_tracker(force_reset=True)  # the CPU trainer's keeps no states
    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def trained(
    corpus: Corpus,
    name: str,
    spec: Spec,
    before: list[Path] | None = None,
    phase: str = "phase1",
    attempt: int = 1,
) -> Path:
    """Train a segment; returns its receipt."""
    _forget_groups()
    changes = {"before": before or [], "phase": phase, "attempt": attempt, "layout": LAYOUT}
    arguments = corpus.arguments(name, spec, **changes)
    segment.train_segment(**arguments)
    return corpus.folder / name / "receipt.json"


def lines(receipt: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (receipt.parent / "metrics.jsonl").read_text().splitlines()]


def weights_of(corpus: Corpus, name: str, spec: Spec) -> Path:
    return corpus.folder / name / "weights" / short(digest_json(spec))


def test_the_log_tells_of_steps_while_it_trains(corpus: Corpus, capsys: pytest.CaptureFixture[str]) -> None:
    trained(corpus, "told", corpus.spec(steps=2))
    said = capsys.readouterr().err
    assert re.search(r"^\d\d:\d\d:\d\d measures the validation loss of 2 datasets$", said, re.M)
    assert re.search(r"^\d\d:\d\d:\d\d step 0, 1 of 2, loss [\d.]+, learning rate \S+, \S+ tokens/s, about", said, re.M)


def test_losses_are_the_cpu_trainers(corpus: Corpus) -> None:
    spec = corpus.spec(steps=8)
    theirs = trained(corpus, "bridge", spec)
    _forget_groups()
    segment.train_segment(**corpus.arguments("cpu", spec))
    ours = corpus.folder / "cpu" / "receipt.json"
    for mine, other in zip(lines(ours), lines(theirs), strict=True):
        assert other["loss"] == pytest.approx(mine["loss"], abs=2e-5)
        assert other["grad_norm"] == pytest.approx(mine["grad_norm"], rel=1e-3)
        assert (other["step"], other["tokens"]) == (mine["step"], mine["tokens"])
        assert other["learning_rate"] == pytest.approx(mine["learning_rate"], rel=1e-9)
    facts, expected = (json.loads(path.read_text())["facts"] for path in (theirs, ours))
    for when in ("before", "after"):
        assert facts["validation"][when] == pytest.approx(expected["validation"][when], abs=1e-4)
    same = ("steps", "tokens", "tokens_seen", "mixture", "ledger", "parameters", "ranks", "phase", "segment")
    assert {key: facts[key] for key in same} == {key: expected[key] for key in same}


def test_a_segment_without_any_validation_set_trains_and_says_which_were_left_out(corpus: Corpus) -> None:
    facts = read_receipt(trained(corpus, "without_validation", corpus.long_spec()), SegmentReceipt).facts
    assert facts.validation == {"before": {}, "after": {}}
    assert set(facts.skipped_validation) == set(SHARES)
    assert facts.steps == 2


def test_a_segment_that_runs_out_of_time_goes_on_where_it_was(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = corpus.spec(steps=6)
    whole = lines(trained(corpus, "uninterrupted", spec))
    with monkeypatch.context() as limited:
        limited.setenv(STOP_AT, "0")
        with pytest.raises(Preempted) as stopped:
            trained(corpus, "in_two", spec)
    assert stopped.value.code == OUT_OF_TIME
    assert counters(newest_whole(weights_of(corpus, "in_two", spec)) or Path()) == (1, BATCH)
    resumed = lines(trained(corpus, "in_two", spec, attempt=2))
    assert [line["loss"] for line in resumed] == [line["loss"] for line in whole]


def test_the_next_segment_reads_its_own_samples_and_goes_on_with_everything_else(corpus: Corpus) -> None:
    first = corpus.spec(steps=4)
    receipt = trained(corpus, "first", first)
    second: Spec = {
        **first,
        "batch": {"global_batch_size": 2, "sequence_length": 2 * LENGTH},
        "data": {**first["data"], "consumed": read_receipt(receipt, SegmentReceipt).facts.ledger},
        "steps": {"first": 4, "count": 3, "first_token": 4 * BATCH * LENGTH},
        "learning_rate": {"constant": 1e-3},
        "before": digest_json(first),
    }
    told = lines(trained(corpus, "second", second, [receipt], phase="phase2"))
    assert [line["step"] for line in told] == [4, 5, 6]
    assert {line["learning_rate"] for line in told} == {1e-3}
    assert told[-1]["tokens"] == (4 * BATCH + 3 * 4) * LENGTH
    assert counters(newest_whole(weights_of(corpus, "second", second)) or Path()) == (7, 4 * BATCH + 3 * 2)
    assert told[0]["loss"] < lines(receipt)[0]["loss"]


def test_a_checkpoint_that_is_gone_stops_the_segment(corpus: Corpus) -> None:
    first = corpus.spec(steps=3)
    receipt = trained(corpus, "lost", first)
    steps: Steps = {"first": 3, "count": 2, "first_token": 3 * BATCH * LENGTH}
    second: Spec = {**first, "steps": steps, "before": digest_json(first)}
    checkpoint = newest_whole(weights_of(corpus, "lost", first)) or Path()
    (checkpoint.parent / "latest_train_state.pt").unlink()  # Bridge would begin at random
    (checkpoint.parent / "latest_checkpointed_iteration.txt").unlink(missing_ok=True)
    with pytest.raises(TrainingError, match="Megatron-Bridge begins at step 0 instead of 3: it did not load"):
        trained(corpus, "after_lost", second, [receipt])
    (checkpoint / "train_state.pt").unlink()
    with pytest.raises(TrainingError, match="not a checkpoint of Megatron-Bridge, or it is gone"):
        trained(corpus, "after_lost", second, [receipt])


def test_a_learning_rate_that_is_not_ours_stops_the_segment(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ON_CPU, "optimizer.lr", 2e-2)  # the spec's is 1e-2
    with pytest.raises(TrainingError, match=r"learning rate is 0\.01, where the curve has 0\.005"):
        trained(corpus, "fast", corpus.spec(steps=2))
