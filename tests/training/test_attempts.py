import signal
from pathlib import Path

import pytest

from nano3.cluster.preemption import OUT_OF_TIME, Interrupted
from nano3.training.attempts import RESTARTS, Ledger, TrainingError

TOLD = 128 + signal.SIGTERM


def end(ledger: Ledger, step: int, attempt: int, error: BaseException | None) -> None:
    """An attempt from a step on that ends like this."""
    ledger.refuse(step, attempt)
    try:
        with ledger.attempt(step, attempt, first_rank=True):
            if error:
                raise error
    except BaseException as raised:
        assert raised is error  # noqa: PT017


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(tmp_path)


def test_two_attempts_without_progress_stop_the_segment_with_the_reason(ledger: Ledger) -> None:
    end(ledger, 10, 1, OSError(28, "No space left on device"))
    end(ledger, 10, 2, OSError(28, "No space left on device"))
    with pytest.raises(TrainingError, match=r"2 attempts in a row came no further than step 10; .*No space left"):
        ledger.refuse(10, 3)


def test_attempts_that_come_further_are_never_too_many(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    for step in range(20):
        monkeypatch.setenv(RESTARTS, str(step))
        end(ledger, step, 1, Interrupted(OUT_OF_TIME, step + 1))
    assert [attempt.outcome for attempt in ledger.attempts()] == ["out of time"] * 20


def test_an_attempt_that_was_killed_counts_and_says_where_to_look(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    for job in ("71", "72"):
        monkeypatch.setenv("SLURM_JOB_ID", job)
        ledger.refuse(10, 2)
        with ledger.attempt(10, 2, first_rank=True):
            as_far_as_it_came = ledger.path.read_text()
        ledger.path.write_text(as_far_as_it_came)
    with pytest.raises(TrainingError, match=r"ended without a word: .*`sacct -j 72`"):
        ledger.refuse(10, 3)


def test_an_error_that_would_come_again_is_not_met_twice(ledger: Ledger) -> None:
    end(ledger, 10, 1, TrainingError("step 12: the loss is nan"))
    with pytest.raises(TrainingError, match=r"not tried again, .*step 12: the loss is nan"):
        ledger.refuse(11, 2)


def test_who_runs_snakemake_anew_begins_with_a_clean_page(ledger: Ledger) -> None:
    for _ in range(3):
        end(ledger, 10, 1, TrainingError("step 12: the loss is nan"))
    end(ledger, 10, 1, OSError(28, "No space left on device"))
    ledger.refuse(10, 2)  # one attempt without progress in this request


def test_preempted_goes_on_but_cancelled_does_not(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    end(ledger, 10, 1, Interrupted(TOLD, 12))
    with pytest.raises(TrainingError, match=r"not tried again, .*told to end \(SIGTERM\); saved at step 12"):
        ledger.refuse(12, 2)
    monkeypatch.setenv(RESTARTS, "1")
    ledger.refuse(12, 1)


def test_the_first_word_on_an_end_counts_and_a_torn_line_is_none(ledger: Ledger) -> None:
    def peers() -> None:
        with ledger.attempt(0, 1, first_rank=True), ledger.attempt(0, 1, first_rank=False):
            raise RuntimeError("rank 3 failed")

    with pytest.raises(RuntimeError):
        peers()
    ledger.path.write_text(ledger.path.read_text() + '{"began": "20')
    end(ledger, 3, 1, None)
    assert [(attempt.step, attempt.outcome) for attempt in ledger.attempts()] == [(0, "failed"), (3, "finished")]
    assert ledger.attempts()[0].why == "RuntimeError: rank 3 failed"
