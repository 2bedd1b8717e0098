"""
How long is a failure tried again? As long as somebody has patience, after growing waits, or when the server says.

Libraries for this exist; none was shorter than this loop once a server's own wait, a cap on it and a second limit for a
network that is not there are added to it.
"""

import random
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tqdm import tqdm

from nano3.core.answers import answer_in, is_transient, is_unreachable, requested_wait

FIRST_WAIT_SECONDS, LONGEST_WAIT_SECONDS = 1.0, 60.0
LONGEST_REQUESTED_SECONDS = 600.0  # a server may ask for more; it is asked again then
JITTER = 0.25  # of a wait, at random and on top, so that jobs which failed together do not come back together
TOLD_SECONDS = 10.0  # a shorter wait is not told

Result = TypeVar("Result")


@dataclass(frozen=True)
class Patience:
    """Seconds after which a failure is final. unreachable: of a server that can't be reached at all."""

    seconds: float
    unreachable: float


# Somebody waits, and can look after the network; with an attempt that takes long to fail, that is 20 seconds in all.
ATTENDED = Patience(seconds=480, unreachable=6)
UNATTENDED = Patience(seconds=480, unreachable=480)  # a job that nobody watches


@dataclass(frozen=True)
class Clock:
    """Where time comes from, and how it passes."""

    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep


CLOCK = Clock()


def retry(action: Callable[[], Result], patience: Patience = ATTENDED, place: str = "the server") -> Result:
    """
    What action returns. While its error is transient it is tried again, until patience ends; the last error is raised.

    place: what is asked, for the line on stderr that tells of a long wait.
    """
    begin, wait = CLOCK.now(), FIRST_WAIT_SECONDS
    while True:
        try:
            return action()
        except Exception as error:
            limit = patience.unreachable if is_unreachable(error) else patience.seconds
            if not is_transient(error) or CLOCK.now() - begin >= limit:
                raise
            seconds = _seconds(error, wait)
            _tell(error, place, seconds)
        CLOCK.sleep(seconds)
        wait = min(2 * wait, LONGEST_WAIT_SECONDS)


def _seconds(error: Exception, wait: float) -> float:
    """The time to wait: `wait`, or longer if the server asks for that; and a bit, at random."""
    answer = answer_in(error)
    requested = (requested_wait(answer) if answer else None) or 0.0
    return min(max(wait, requested) * (1 + random.uniform(0, JITTER)), LONGEST_REQUESTED_SECONDS)


def _tell(error: Exception, place: str, seconds: float) -> None:
    if seconds >= TOLD_SECONDS:
        answer = answer_in(error)
        what = f"answered {answer.status}" if answer else "gave no answer"
        tqdm.write(f"{place} {what}: the next attempt is in {seconds:.0f} s", file=sys.stderr)
