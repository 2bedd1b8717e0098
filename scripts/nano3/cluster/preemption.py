"""
When must a segment stop before its work is done? When it gets a SIGTERM (Slurm takes the machine back) or a Ctrl-C, or
when its time limit is near. It then finishes the current step, saves a checkpoint, and exits with a status that says
which of them it was: a job that ran out of time is requeued, one that was told to end is not.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# The launcher sets these in the environment of the ranks.
STOP_AT = "NANO3_STOP_AT"  # when to stop, in seconds since 1970
RESTARTS = "NANO3_RESTARTS"  # how often Slurm has requeued this job
OUT_OF_TIME = 75  # EX_TEMPFAIL of sysexits.h: try again later
REASONS = {
    0: "",
    OUT_OF_TIME: "its time limit is near",
    128 + signal.SIGINT: "it was interrupted (SIGINT)",
    128 + signal.SIGTERM: "it was told to end (SIGTERM)",
}


class Preempted(SystemExit):
    """The segment stopped early, after it saved a checkpoint. code: the exit status."""

    def __init__(self, code: int, step: int) -> None:
        super().__init__(code)
        self.reason = f"{REASONS[code]}; saved at step {step}"

    def __str__(self) -> str:
        return self.reason


class Preemption:
    """Says after every step whether to stop."""

    def __init__(self) -> None:
        self.stop_at = float(os.environ.get(STOP_AT, "inf"))
        self.signalled = 0

    @property
    def wanted(self) -> int:
        """The exit status to stop with; 0: continue."""
        return self.signalled or self._out_of_time

    @property
    def _out_of_time(self) -> int:
        return OUT_OF_TIME if time.time() >= self.stop_at else 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Note signals instead of dying of them; a second Ctrl-C ends the process at once."""
        kept = {number: signal.signal(number, self._note) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in kept.items():
                signal.signal(number, handler)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        if number == signal.SIGINT and self.signalled:
            sys.exit(128 + number)
        # Past the limit a SIGTERM is only Slurm's way to say so.
        self.signalled = self.signalled or self._out_of_time or 128 + number
