"""
Which process may train a segment, and is another attempt worthwhile?

A lock admits one process group at a time. attempts.jsonl in the folder of the weights records at which step each
attempt began and how it ended. The segment stops with the reason, instead of filling a queue, after two attempts in a
row without progress, after an error that another attempt would meet again, and after a cancellation: a signal to end,
without a requeue by Slurm. Only attempts of one request count: Slurm's requeues and Snakemake's retries. Running
snakemake again resets the count.
"""

import fcntl
import json
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from nano3 import Nano3Error
from nano3.cluster.preemption import OUT_OF_TIME, RESTARTS, Preempted

WITHOUT_PROGRESS = 2  # attempts in a row
LOCK_SECONDS = 60.0  # a lost node may take this long to end its processes
SILENT = "it ended without a message: killed (memory, time limit) or its node was lost; check `sacct -j {job}`"


class TrainingError(Nano3Error):
    """Training can't continue, or must not: another attempt would end the same way."""


@dataclass(frozen=True)
class Attempt:
    """
    One entry of the log. step: where it began. again: a requeue by Slurm or a retry by Snakemake. outcome, reason: None
    until its end is recorded.
    """

    step: int
    again: bool
    job: str | None
    outcome: str | None = None
    reason: str | None = None

    @property
    def why(self) -> str:
        """How it ended, in words."""
        return self.reason or SILENT.format(job=self.job or "JOB")


class AttemptLog:
    """The attempts at a segment, in attempts.jsonl of its folder."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "attempts.jsonl"

    def attempts(self) -> list[Attempt]:
        """All attempts in order; the first recorded end of an attempt counts, because other ranks fail after it."""
        entries: list[dict[str, Any]] = []
        for line in self._text().splitlines():
            try:
                record = json.loads(line)
            except ValueError:
                continue  # torn, by a kill or a full disk
            if "began" in record:
                entries.append({key: record[key] for key in ("step", "again", "job")})
            elif entries:
                entries[-1].setdefault("outcome", record["outcome"])
                entries[-1].setdefault("reason", record["reason"])
        return [Attempt(**entry) for entry in entries]

    def refuse(self, step: int, attempt: int) -> None:
        """
        Raises TrainingError if another attempt is not worthwhile.

        step: of the newest checkpoint. attempt: which of Snakemake's tries of this job it is, counted from 1.
        """
        request: list[Attempt] = []
        again = _again(attempt)
        for earlier in reversed(self.attempts()):
            if not again:
                break
            request.append(earlier)
            again = earlier.again
        if not request:
            return
        last = request[0]
        if last.outcome == "stopped" or (last.outcome == "told to end" and not _requeued()):
            raise TrainingError(f"not retried: the last attempt ended like this: {last.why}")
        if len(request) >= WITHOUT_PROGRESS and all(earlier.step == step for earlier in request[:WITHOUT_PROGRESS]):
            raise TrainingError(
                f"{self.path.parent}: {WITHOUT_PROGRESS} attempts in a row got no further than step {step}; "
                f"the last one: {last.why}. Fix that, then run snakemake again"
            )

    @contextmanager
    def attempt(self, step: int, attempt: int, first_rank: bool) -> Iterator[None]:
        """Record an attempt that begins at a step, and how it ends; any rank may record a failure."""
        if first_rank:
            job = os.environ.get("SLURM_JOB_ID")
            self._add(
                {"began": _now(), "host": socket.gethostname(), "job": job, "again": _again(attempt), "step": step}
            )
        try:
            yield
        except Preempted as preemption:
            if first_rank:
                self._end("out of time" if preemption.code == OUT_OF_TIME else "told to end", str(preemption))
                print(f"train_segment: {preemption}", file=sys.stderr)
                raise
            raise SystemExit(0) from None  # the first rank's status is that of all
        except Nano3Error as error:
            self._end("stopped", str(error))
            raise
        except BaseException as error:
            *_, last_line = f"{type(error).__name__}: {error}".strip().splitlines()  # some begin with a whole trace
            self._end("failed", last_line)
            raise
        if first_rank:
            self._end("finished", "")

    def _end(self, outcome: str, reason: str) -> None:
        try:
            self._add({"ended": _now(), "outcome": outcome, "reason": reason})
        except OSError:
            if outcome == "finished":
                raise
            # The error that ends the attempt matters more than the log's, which may have the same cause.

    def _add(self, entry: dict[str, Any]) -> None:
        newline = "" if f"\n{self._text()}".endswith("\n") else "\n"  # after a torn line
        with self.path.open("a", encoding="utf-8") as file:
            file.write(newline + json.dumps(entry) + "\n")

    def _text(self) -> str:
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes out of a segment's folder. Raises TrainingError if one stays for LOCK_SECONDS."""
    with (folder / "lock").open("wb") as file:
        _lock(file, folder)
        yield


def _lock(file: IO[bytes], folder: Path) -> None:
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                raise TrainingError(f"{folder}: another process trains here: wait until it ends, or end it") from None
        time.sleep(0.5)


def _again(attempt: int) -> bool:
    return attempt > 1 or _requeued()


def _requeued() -> bool:
    return int(os.environ.get(RESTARTS, "0")) > 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
