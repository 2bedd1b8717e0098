"""Where a segment stands is read from the file beside its checkpoints, which its job's command tells."""

import json
import shlex
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json, short
from snakemake_logger_plugin_nano3.segment import Segment

SPEC: dict[str, Any] = {
    "steps": {"first": 100, "count": 10, "first_token": 0},
    "batch": {"global_batch_size": 4, "sequence_length": 250},
}


def segment(root: Path) -> Segment:
    command = f"python scripts/train_segment.py --spec {shlex.quote(json.dumps(SPEC))} --weights {root} > log 2>&1"
    found = Segment.of(command)
    assert found is not None
    return found


def write(path: Path, *steps: int, seconds: float = 0.5, end: str = "") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps({"step": step, "loss": 5.0 - step / 1000, "seconds": seconds}) + "\n" for step in steps]
    path.write_text("".join(lines) + end)


def test_the_command_of_a_job_tells_where_its_metrics_are(tmp_path: Path) -> None:
    found = segment(tmp_path)
    assert found.path == tmp_path / short(digest_json(SPEC)) / "progress.jsonl"
    assert (found.steps, found.step_tokens, found.tokens) == (10, 1000, 10_000)
    assert found.standing() is None, "there is no file yet"


def test_a_command_without_a_spec_is_no_segment() -> None:
    assert Segment.of("python scripts/write_blend.py --weights x") is None
    assert Segment.of("python scripts/train_segment.py --spec '{' --weights x") is None
    assert Segment.of("python scripts/train_segment.py --spec") is None


def test_steps_are_those_of_the_segment_and_time_is_that_of_recent_ones(tmp_path: Path) -> None:
    found = segment(tmp_path)
    write(found.path, 100, 101, 102, end='{"step": 103, "lo')
    at = found.standing()
    assert at is not None
    assert (at.step, at.steps, at.loss, at.speed, at.left) == (3, 10, 4.898, 2000.0, 3.5)
    write(found.path, 100, 101, 102, 103)
    at = found.standing()
    assert at is not None
    assert at.step == 4, "what was torn is whole now"


def test_a_segment_that_resumes_is_read_from_its_start(tmp_path: Path) -> None:
    found = segment(tmp_path)
    write(found.path, *range(100, 108), seconds=10.0)
    found.standing()
    write(found.path, 100, 101, seconds=1.0)
    at = found.standing()
    assert at is not None
    assert (at.step, at.speed) == (2, 1000.0)


def test_a_file_that_is_no_metrics_is_not_shown(tmp_path: Path) -> None:
    found = segment(tmp_path)
    found.path.parent.mkdir(parents=True)
    found.path.write_text("what is this\n")
    assert found.standing() is None
