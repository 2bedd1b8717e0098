"""Transient failures are tried again while there is patience, others are not."""

import errno
from collections.abc import Callable
from types import SimpleNamespace

import pytest

from nano3.core.retry import ATTENDED, LONGEST_REQUESTED_SECONDS, UNATTENDED, Patience, retry
from tests.clock import Waits


@pytest.fixture(autouse=True)
def even_waits(monkeypatch: pytest.MonkeyPatch, waits: Waits) -> None:
    monkeypatch.setattr("random.uniform", lambda low, _high: low)


class AnsweredError(Exception):
    """As a library raises it for an answer that is not the file."""

    def __init__(self, status: int, **headers: str) -> None:
        self.response = SimpleNamespace(status_code=status, headers={"Retry-After": headers.get("after", "")})


def failing(*errors: Exception) -> Callable[[], str]:
    """An action that fails with these errors, one after the other, and then does not."""
    left = list(errors)

    def action() -> str:
        if left:
            raise left.pop(0)
        return "there"

    return action


def always(error: Exception) -> Callable[[], str]:
    def action() -> str:
        raise error

    return action


def test_a_transient_failure_is_tried_again_after_longer_waits(waits: Waits) -> None:
    assert retry(failing(OSError(), TimeoutError(), ConnectionResetError())) == "there"
    assert waits.seconds == [1, 2, 4]


def test_another_failure_is_raised_at_once(waits: Waits) -> None:
    with pytest.raises(ValueError, match="wrong"):
        retry(always(ValueError("wrong")))
    assert waits.seconds == []


def test_the_last_error_is_raised_when_patience_ends(waits: Waits) -> None:
    with pytest.raises(OSError, match="busy"):
        retry(always(OSError("busy")), Patience(seconds=100, unreachable=0))
    assert waits.seconds == [1, 2, 4, 8, 16, 32, 60]


@pytest.mark.parametrize(("patience", "most"), [(ATTENDED, 10), (UNATTENDED, 600)])
def test_a_network_that_is_not_there_has_a_patience_of_its_own(waits: Waits, patience: Patience, most: int) -> None:
    with pytest.raises(OSError, match="unreachable"):
        retry(always(OSError(errno.ENETUNREACH, "Network is unreachable")), patience)
    assert most / 2 <= waits.total <= most


def test_a_server_decides_how_long_to_wait(waits: Waits) -> None:
    assert retry(failing(AnsweredError(500), AnsweredError(429, after="30"), AnsweredError(503, after="99999")))
    assert waits.seconds == [1, 30, LONGEST_REQUESTED_SECONDS]


def test_a_server_that_says_come_at_once_again_and_again_is_given_time(waits: Waits) -> None:
    assert retry(failing(*[AnsweredError(503, after="0") for _ in range(4)]))
    assert waits.seconds == [1, 2, 4, 8]


def test_jobs_that_failed_together_come_back_apart(waits: Waits, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("random.uniform", lambda _low, high: high)
    retry(failing(OSError(), AnsweredError(429, after="100")))
    assert waits.seconds == [1.25, 125]


def test_a_long_wait_is_told_and_a_short_one_is_not(capsys: pytest.CaptureFixture[str]) -> None:
    retry(failing(OSError(), AnsweredError(429, after="30")), place="http://host/a")
    assert capsys.readouterr().err == "http://host/a answered 429: the next attempt is in 30 s\n"
