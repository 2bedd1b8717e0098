"""Which failures are worth another try? Transient ones, a few times, with exponential backoff."""

import time
from collections.abc import Callable, Iterator
from typing import TypeVar

ATTEMPTS = 5
FIRST_WAIT_SECONDS = 1.0

Result = TypeVar("Result")


def retry(action: Callable[[], Result], transient: Callable[[Exception], bool]) -> Result:
    """What action returns. It is tried up to ATTEMPTS times while its error is transient; the last error is raised."""
    for attempt in range(ATTEMPTS - 1):
        try:
            return action()
        except Exception as error:
            if not transient(error):
                raise
        time.sleep(FIRST_WAIT_SECONDS * 2**attempt)
    return action()


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """An error and its causes: libraries wrap the one that says what happened."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def first_line(error: BaseException) -> str:
    """The first line of an error's message; its type's name if it has none."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
