import fcntl
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from nano3.artifact.digest import digest_json
from nano3.artifact.steps import SegmentData, SegmentReceipt, Spec, Steps, read_receipt
from nano3.cluster.preemption import OUT_OF_TIME, RESTARTS, STOP_AT, Preempted
from nano3.sampling.sampler import consumed_samples, consumed_with
from nano3.training.attempts import TrainingError
from nano3.training.cpu import trainer as cpu
from nano3.training.segment import train_segment
from tests.conftest import REPOSITORY
from tests.training.conftest import BATCH, LENGTH, LONG, SHARES, Corpus, trained

pytestmark = pytest.mark.slow

KILLED = """
import json, os, signal, sys
from pathlib import Path
if __name__ == "__main__":
    from nano3.training import segment
    from nano3.training.cpu import trainer as cpu
    arguments, killed_at = json.loads(sys.argv[1]), int(sys.argv[2])
    for name in ("blend", "blend_receipt", "index_cache", "weights", "receipt", "metrics"):
        arguments[name] = Path(arguments[name])
    train_step = cpu._train_step
    def step_or_die(trained, spec, step, *rest):
        if step == killed_at:
            os.kill(os.getpid(), signal.SIGKILL)
        return train_step(trained, spec, step, *rest)
    cpu._train_step = step_or_die
    segment.train_segment(**arguments)
"""


def losses(metrics: Path) -> list[float]:
    return [json.loads(line)["loss"] for line in metrics.read_text().splitlines()]


def test_training_lowers_every_held_out_loss_and_records_what_it_drew(corpus: Corpus) -> None:
    facts = trained(corpus.arguments("plain_run", corpus.spec(steps=30)))["facts"]
    for dataset in ("plain", "shifted"):
        assert facts["validation"]["after"][dataset] < facts["validation"]["before"][dataset]
    drawn = facts["mixture"]["samples"]
    assert sum(drawn.values()) == 30 * BATCH
    assert drawn["plain"] / (30 * BATCH) == pytest.approx(0.7, abs=0.01)
    assert facts["tokens_seen"] == 30 * BATCH * LENGTH


def test_the_log_tells_of_steps_and_validation_while_it_trains(
    corpus: Corpus, capsys: pytest.CaptureFixture[str]
) -> None:
    trained(corpus.arguments("told", corpus.spec(steps=3)))
    lines = [
        line.partition(" ")[2] for line in capsys.readouterr().err.splitlines() if re.match(r"\d\d:\d\d:\d\d ", line)
    ]
    assert lines[0] == lines[-1] == "measures the validation loss of 2 datasets"
    assert re.fullmatch(r"step 0, 1 of 3, loss [\d.]+, learning rate \S+, \S+ tokens/s, about \d+ s left", lines[1])
    assert re.fullmatch(r"step 2, 3 of 3, loss [\d.]+, learning rate \S+, \S+ tokens/s", lines[-2])


def test_a_segment_without_any_validation_set_trains_and_says_which_were_left_out(corpus: Corpus) -> None:
    spec = corpus.long_spec()
    receipt = trained(corpus.arguments("without_validation", spec))
    assert receipt["facts"]["validation"] == {"before": {}, "after": {}}
    left_out = receipt["facts"]["skipped_validation"]
    assert set(left_out) == set(SHARES)
    assert all(0 < tokens <= LONG for tokens in left_out.values())
    assert receipt["facts"]["steps"] == 2


def test_a_killed_segment_goes_on_with_the_same_losses_to_the_digit(corpus: Corpus, tmp_path: Path) -> None:
    whole = corpus.arguments("whole", corpus.spec())
    trained(whole)
    killed = corpus.arguments("killed", corpus.spec())
    command = [sys.executable, "-c", KILLED, json.dumps(killed, default=str), "5"]
    done = subprocess.run(command, cwd=REPOSITORY, env={"PYTHONPATH": "scripts"}, capture_output=True, check=False)
    assert done.returncode == -9, done.stderr.decode()
    weights = killed["weights"] / digest_json(killed["spec"])[:12]
    assert [path.name for path in weights.glob("iter_*")] == ["iter_0000003"]
    assert not killed["receipt"].exists()
    trained(killed)
    assert losses(killed["metrics"]) == losses(whole["metrics"])


def test_a_segment_that_runs_out_of_time_after_every_step_computes_the_same(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = corpus.arguments("in_one_go", corpus.spec(steps=10))
    trained(whole)
    turns = corpus.arguments("in_ten_turns", corpus.spec(steps=10))
    monkeypatch.setenv(STOP_AT, "0")
    for turn in range(9):
        monkeypatch.setenv(RESTARTS, str(turn))
        with pytest.raises(Preempted) as interrupted:
            train_segment(**turns)
        assert interrupted.value.code == OUT_OF_TIME
    facts = trained(turns)["facts"]
    assert facts["attempts"] == 10
    assert losses(turns["metrics"]) == losses(whole["metrics"])
    assert facts["validation"] == read_receipt(whole["receipt"], SegmentReceipt).facts.validation


def test_a_signal_is_answered_with_a_checkpoint_after_the_step(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = corpus.arguments("told_to_end", corpus.spec())

    def told_to_end(trained: Any, spec: Any, step: int, *rest: Any) -> Any:
        if step == 4:
            os.kill(os.getpid(), signal.SIGTERM)
        return step_of(trained, spec, step, *rest)

    step_of = cpu._train_step
    monkeypatch.setattr(cpu, "_train_step", told_to_end)
    with pytest.raises(Preempted, match=r"told to end \(SIGTERM\); saved at step 5"):
        train_segment(**arguments)
    folder = arguments["weights"] / digest_json(arguments["spec"])[:12]
    assert [path.name for path in folder.glob("iter_*")] == ["iter_0000005"]
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


def test_two_ranks_go_on_where_one_stopped_and_one_where_two_did(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = corpus.arguments("by_one_rank", corpus.spec(steps=6))
    trained(whole)
    turns = corpus.arguments("by_turns", corpus.spec(steps=6))
    monkeypatch.setenv(STOP_AT, "0")
    with pytest.raises(Preempted):
        train_segment(**turns)
    monkeypatch.setenv("PYTHONPATH", "scripts")
    layout = ["--nodes=1", "--processes-per-node=2", "--threads=1", "--container=", "--mounts=", "--grace=0", "--"]
    options = [word for name, value in turns.items() for word in _option(name, value)]
    command = [sys.executable, "scripts/launch.py", *layout, sys.executable, "scripts/train_segment.py", *options]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == OUT_OF_TIME, done.stderr
    assert done.stderr.count("saved at step 2") == 1  # the first rank alone speaks
    weights = turns["weights"] / digest_json(turns["spec"])[:12] / "iter_0000002"
    assert {path.name[:3] for path in weights.glob("*.distcp")} == {"__0", "__1"}
    monkeypatch.delenv(STOP_AT)
    trained(turns)
    assert losses(turns["metrics"]) == pytest.approx(losses(whole["metrics"]), abs=2e-5)


def _option(name: str, value: Any) -> list[str]:
    words = value if isinstance(value, list) else [json.dumps(value) if isinstance(value, dict) else value]
    return [f"--{name.replace('_', '-')}", *map(str, words)]


def test_a_finished_segment_is_not_trained_again(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = corpus.arguments("finished", corpus.spec(steps=2))
    first = trained(arguments)
    arguments["receipt"].unlink()
    monkeypatch.setattr("nano3.training.cpu.trainer._train_step", lambda *_: pytest.fail("trained again"))
    again = trained(arguments)
    assert again["content"] == first["content"]


def test_what_came_before_is_measured_on_the_weights_before(corpus: Corpus) -> None:
    arguments = corpus.arguments("measured", corpus.spec(steps=20))
    first = trained(arguments)["facts"]["validation"]
    facts = trained(arguments | {"evaluation_tokens": 8 * LENGTH})["facts"]
    again = facts["validation"]
    assert facts["evaluation_tokens"] == 8 * LENGTH
    for dataset in ("plain", "shifted"):
        assert again["before"][dataset] == pytest.approx(first["before"][dataset], abs=0.02)
        assert again["before"][dataset] > again["after"][dataset] + 0.1


def test_weights_that_are_gone_are_said_to_be(corpus: Corpus) -> None:
    first = corpus.arguments("deleted", corpus.spec(steps=2))
    facts = trained(first)["facts"]
    shutil.rmtree(facts["checkpoint"])
    steps: Steps = {"first": 2, "count": 2, "first_token": 2 * BATCH * LENGTH}
    second = corpus.arguments("after_deleted", {**corpus.spec(), "steps": steps}, before=[first["receipt"]])
    with pytest.raises(TrainingError, match=r"the weights are gone: delete .*phase1/only/receipt\.json"):
        train_segment(**second)


def test_two_processes_never_train_one_segment(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = corpus.arguments("locked", corpus.spec(steps=2))
    folder = arguments["weights"] / digest_json(arguments["spec"])[:12]
    folder.mkdir(parents=True)
    with (folder / "lock").open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        monkeypatch.setattr("nano3.training.attempts.LOCK_SECONDS", 0.0)
        with pytest.raises(TrainingError, match="another process trains here"):
            train_segment(**arguments)
    trained(arguments)


def test_a_pair_that_is_gone_is_named(corpus: Corpus, tmp_path: Path) -> None:
    blend = json.loads(corpus.blend.read_text())
    blend["train"][1] = "nowhere/train/only"
    (tmp_path / "blend.json").write_text(json.dumps(blend))
    with pytest.raises(TrainingError, match=r"nowhere/train/only\.bin: is gone: build it again with `snakemake"):
        train_segment(**corpus.arguments("gone", corpus.spec(steps=2), blend=tmp_path / "blend.json"))


def test_a_second_segment_continues_as_if_there_were_one(corpus: Corpus) -> None:
    whole = corpus.arguments("one_segment", corpus.spec(steps=6))
    trained(whole)
    first = corpus.arguments("first_half", corpus.spec(steps=4))
    trained(first)
    consumed = consumed_with({}, consumed_samples(SHARES, whole["spec"]["seed"], 0, 4 * BATCH), LENGTH)
    data: SegmentData = {**corpus.spec()["data"], "first_sample": 4 * BATCH, "consumed": consumed}
    steps: Steps = {"first": 4, "count": 2, "first_token": 4 * BATCH * LENGTH}
    spec: Spec = {**corpus.spec(steps=2), "data": data, "steps": steps}
    second = corpus.arguments("second_half", spec, before=[first["receipt"]])
    trained(second)
    assert losses(first["metrics"]) + losses(second["metrics"]) == losses(whole["metrics"])


def test_micro_batches_change_only_the_last_digits(corpus: Corpus) -> None:
    whole = corpus.arguments("whole_batches", corpus.spec(steps=5))
    parts = corpus.arguments("micro_batches", corpus.spec(steps=5), layout={"micro_batch_tokens": LENGTH, "threads": 1})
    trained(whole)
    trained(parts)
    assert losses(parts["metrics"]) == pytest.approx(losses(whole["metrics"]), abs=2e-5)


@pytest.mark.parametrize(("when", "said"), [(True, "step 0: the loss is nan"), (False, "loss of plain is nan")])
def test_a_loss_that_is_no_number_stops(corpus: Corpus, monkeypatch: pytest.MonkeyPatch, when: bool, said: str) -> None:
    def losses(*_: Any) -> torch.Tensor:
        value = math.nan if torch.is_grad_enabled() == when else 1.0
        return torch.full((BATCH, LENGTH), value, requires_grad=torch.is_grad_enabled())

    arguments = corpus.arguments(f"diverged_{when}", corpus.spec(steps=2))
    monkeypatch.setattr("nano3.training.cpu.trainer._losses", losses)
    with pytest.raises(TrainingError, match=said):
        train_segment(**arguments)
    assert not arguments["receipt"].exists()
