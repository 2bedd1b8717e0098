"""Patience with other people's servers: what fails in passing is tried again, a few times, after ever longer waits."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0

Result = TypeVar("Result")


def patiently(action: Callable[[], Result], passing: Callable[[Exception], bool]) -> Result:
    """What action returns, tried up to ATTEMPTS times while what it raises is passing; the last error is raised."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return action()
        except Exception as error:
            if not passing(error):
                raise
        time.sleep(FIRST_WAIT_SECONDS * 2**attempt)
    return action()


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error, what it was raised from, and so on: libraries wrap the one that says what happened."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def first_line(error: BaseException) -> str:
    """What an error says, without what follows; its kind, if it says nothing."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
