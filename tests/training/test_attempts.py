import signal
from pathlib import Path

import pytest

from nano3.cluster.preemption import OUT_OF_TIME, RESTARTS, Preempted
from nano3.training.attempts import AttemptLog, TrainingError

TOLD = 128 + signal.SIGTERM


def end(log: AttemptLog, step: int, attempt: int, error: BaseException | None) -> None:
    """An attempt from a step on that ends with an error, if any."""
    log.refuse(step, attempt)
    try:
        with log.attempt(step, attempt, first_rank=True):
            if error:
                raise error
    except BaseException as raised:
        assert raised is error  # noqa: PT017


@pytest.fixture
def log(tmp_path: Path) -> AttemptLog:
    return AttemptLog(tmp_path)


def test_two_attempts_without_progress_stop_the_segment_with_the_reason(log: AttemptLog) -> None:
    end(log, 10, 1, OSError(28, "No space left on device"))
    end(log, 10, 2, OSError(28, "No space left on device"))
    with pytest.raises(TrainingError, match=r"2 attempts in a row got no further than step 10; .*No space left"):
        log.refuse(10, 3)


def test_attempts_with_progress_are_never_too_many(log: AttemptLog, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(20):
        monkeypatch.setenv(RESTARTS, str(step))
        end(log, step, 1, Preempted(OUT_OF_TIME, step + 1))
    assert [attempt.outcome for attempt in log.attempts()] == ["out of time"] * 20


def test_an_attempt_that_was_killed_counts_and_says_where_to_look(
    log: AttemptLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in ("71", "72"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        log.refuse(10, 2)
        with log.attempt(10, 2, first_rank=True):
            beginning = log.path.read_text()
        log.path.write_text(beginning)
    with pytest.raises(TrainingError, match=r"ended without a message: .*`sacct -j 72`"):
        log.refuse(10, 3)


def test_an_error_that_would_recur_is_not_retried(log: AttemptLog) -> None:
    end(log, 10, 1, TrainingError("step 12: the loss is nan"))
    with pytest.raises(TrainingError, match=r"not retried: .*step 12: the loss is nan"):
        log.refuse(11, 2)


def test_running_snakemake_again_resets_the_count(log: AttemptLog) -> None:
    for _ in range(3):
        end(log, 10, 1, TrainingError("step 12: the loss is nan"))
    end(log, 10, 1, OSError(28, "No space left on device"))
    log.refuse(10, 2)  # one attempt without progress in this request


def test_preempted_resumes_but_cancelled_does_not(log: AttemptLog, monkeypatch: pytest.MonkeyPatch) -> None:
    end(log, 10, 1, Preempted(TOLD, 12))
    with pytest.raises(TrainingError, match=r"not retried: .*told to end \(SIGTERM\); saved at step 12"):
        log.refuse(12, 2)
    monkeypatch.setenv(RESTARTS, "1")
    log.refuse(12, 1)


def test_the_first_word_on_an_end_counts_and_a_torn_line_is_none(log: AttemptLog) -> None:
    def peers() -> None:
        with log.attempt(0, 1, first_rank=True), log.attempt(0, 1, first_rank=False):
            raise RuntimeError("rank 3 failed")

    with pytest.raises(RuntimeError):
        peers()
    log.path.write_text(log.path.read_text() + '{"began": "20')
    end(log, 3, 1, None)
    assert [(attempt.step, attempt.outcome) for attempt in log.attempts()] == [(0, "failed"), (3, "finished")]
    assert log.attempts()[0].why == "RuntimeError: rank 3 failed"
