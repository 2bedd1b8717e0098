"""The steps of a segment survive as far as its checkpoint does, and are told while it trains."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from nano3.artifact.steps import Spec
from nano3.training.attempts import TrainingError
from nano3.training.metrics import LOG_SECONDS, Progress, StepLog


def test_a_torn_last_line_does_not_count(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.jsonl", 5)
    assert progress.lines() == []
    progress.add({"step": 5})
    progress.path.write_text(progress.path.read_text() + '{"step": 6')
    assert progress.lines() == [{"step": 5}]


def test_steps_after_the_checkpoint_are_dropped_and_a_gap_is_an_error(tmp_path: Path) -> None:
    progress = Progress(tmp_path / "progress.jsonl", 5)
    for step in (5, 6, 7):
        progress.add({"step": step})
    progress.forget_after(7)
    assert [line["step"] for line in progress.lines()] == [5, 6]
    with pytest.raises(TrainingError, match="does not hold steps 5 to 8"):
        progress.forget_after(8)


SPEC = cast(Spec, {"steps": {"first": 100, "count": 10}, "batch": {"global_batch_size": 4, "sequence_length": 250}})


def told(seconds: Iterator[float], steps: int, capsys: pytest.CaptureFixture[str]) -> list[str]:
    """What the log says of the first steps. seconds: of the clock, when the log begins and after each step."""
    log = StepLog(SPEC, lambda: next(seconds))
    for step in range(100, 100 + steps):
        line: dict[str, Any] = {"step": step, "loss": 5.1234, "learning_rate": 3e-3}
        log.add(line)
    return [line.partition(" ")[2] for line in capsys.readouterr().err.splitlines()]


def test_the_log_tells_the_first_step_with_speed_and_time_left(capsys: pytest.CaptureFixture[str]) -> None:
    assert told(iter([0.0, 2.0]), 1, capsys) == [
        "step 100, 1 of 10, loss 5.123, learning rate 3e\N{MINUS SIGN}3, 500 tokens/s, about 18 s left"
    ]


def test_the_log_tells_a_step_now_and_then_and_the_last_one(capsys: pytest.CaptureFixture[str]) -> None:
    quick = told(iter(float(second) for second in range(11)), 10, capsys)
    assert [line.split(", ")[1] for line in quick] == ["1 of 10", "6 of 10", "10 of 10"]
    assert quick[1].endswith("1k tokens/s, about 4 s left"), "the speed is of all steps since the line before"
    assert quick[2].endswith("tokens/s")


def test_a_step_that_takes_long_has_a_line_of_its_own(capsys: pytest.CaptureFixture[str]) -> None:
    assert len(told(iter(LOG_SECONDS * 2 * number for number in range(4)), 3, capsys)) == 3
