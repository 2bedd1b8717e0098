"""The steps of a segment survive as far as its checkpoint does."""

from pathlib import Path

import pytest

from nano3.training.attempts import TrainingError
from nano3.training.metrics import Progress


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
