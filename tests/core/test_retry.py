"""Transient failures are tried again, others are not."""

import pytest

from nano3.core.retry import ATTEMPTS, causes, first_line, retry


@pytest.fixture(autouse=True)
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that would have been waited."""
    seconds: list[float] = []
    monkeypatch.setattr("time.sleep", seconds.append)
    return seconds


def failing(errors: list[Exception]) -> str:
    if errors:
        raise errors.pop(0)
    return "there"


def test_a_transient_failure_is_tried_again_after_longer_waits(waits: list[float]) -> None:
    errors: list[Exception] = [OSError(), OSError()]
    assert retry(lambda: failing(errors), lambda _: True) == "there"
    assert waits == [1.0, 2.0]


def test_another_failure_is_raised_at_once(waits: list[float]) -> None:
    errors: list[Exception] = [ValueError("wrong")]
    with pytest.raises(ValueError, match="wrong"):
        retry(lambda: failing(errors), lambda error: isinstance(error, OSError))
    assert waits == []


def test_the_last_error_is_raised() -> None:
    errors: list[Exception] = [OSError(number, "busy") for number in range(ATTEMPTS)]
    with pytest.raises(OSError, match="busy") as raised:
        retry(lambda: failing(errors), lambda _: True)
    assert raised.value.errno == ATTEMPTS - 1


def test_an_error_is_told_by_its_cause_and_its_first_line() -> None:
    error = RuntimeError("wrapped")
    error.__cause__ = OSError("\n  no route  \nmore")
    assert [first_line(each) for each in causes(error)] == ["wrapped", "no route"]
    assert first_line(TimeoutError()) == "TimeoutError"
