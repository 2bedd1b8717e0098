"""
When must a segment stop before its work is done? When the machine is wanted back: Slurm (or whoever) sends SIGTERM,
somebody types Ctrl-C, or the time limit is near. It then saves a checkpoint after the step it is in, and its exit
status says which of them it was: a job that ran out of time is queued again, one that was told to end is not.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

STOP_AT = "NANO3_STOP_AT"  # environment: seconds since 1970, put there by nano3.cluster.launch
OUT_OF_TIME = 75  # EX_TEMPFAIL of sysexits.h: try again later
REASONS = {
    0: "",
    OUT_OF_TIME: "its time limit is near",
    128 + signal.SIGINT: "it was interrupted (SIGINT)",
    128 + signal.SIGTERM: "it was told to end (SIGTERM)",
}


class Preempted(SystemExit):
    """The segment stopped early, with a checkpoint. The exit status is its code."""

    def __init__(self, code: int, step: int) -> None:
        super().__init__(code)
        self.reason = f"{REASONS[code]}; saved at step {step}"

    def __str__(self) -> str:
        return self.reason


class Preemption:
    """Whether to stop: asked after every step."""

    def __init__(self) -> None:
        self.stop_at = float(os.environ.get(STOP_AT, "inf"))
        self.signalled = 0

    @property
    def wanted(self) -> int:
        """The exit status to stop with; 0 to go on."""
        return self.signalled or self._out_of_time

    @property
    def _out_of_time(self) -> int:
        return OUT_OF_TIME if time.time() >= self.stop_at else 0

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Take note of signals instead of dying of them. A second Ctrl-C is not waited for."""
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
