"""
Who may train a segment, and is another attempt worth it?

One process group at a time, by a lock. And as long as attempts bring the segment forward: attempts.jsonl in the
folder of its weights says of each at which step it began and how it ended. Two in a row that came no further stop the
segment with the reason, instead of filling a queue; so does one that ended with an error that another attempt would
meet again, and one that was told to end and that Slurm did not queue again: somebody cancelled it. That holds for
attempts of the same request: those that Slurm queued again and those that Snakemake tries again. Who runs snakemake
anew has looked at the reason, and begins with a clean page.
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
LOCK_SECONDS = 60.0  # a node that was lost may need so long to end what ran on it
SILENT = "it ended without a word: killed (memory, time limit) or its node was lost; `sacct -j {job}` may know"


class TrainingError(Nano3Error):
    """Training can't go on, or must not: another attempt would end the same way."""


@dataclass(frozen=True)
class Attempt:
    """
    One entry of the log. step: where it began. again: by Slurm or Snakemake, after an earlier one of the same
    request. outcome, reason: None as long as it has not said how it ended.
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
        """All attempts in order; an attempt's first outcome counts, because the other ranks fail after it."""
        entries: list[dict[str, Any]] = []
        for line in self._text().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # torn, by a kill or a full disk
            if "began" in entry:
                entries.append({key: entry[key] for key in ("step", "again", "job")})
            elif entries:
                entries[-1].setdefault("outcome", entry["outcome"])
                entries[-1].setdefault("reason", entry["reason"])
        return [Attempt(**entry) for entry in entries]

    def refuse(self, step: int, attempt: int) -> None:
        """
        Raises TrainingError if another attempt is not worth it.

        step: of the newest checkpoint. attempt: which of Snakemake's tries of this job it is, counted from 1.
        """
        request: list[Attempt] = []
        again = _again(attempt)
        for known in reversed(self.attempts()):
            if not again:
                break
            request.append(known)
            again = known.again
        if not request:
            return
        last = request[0]
        if last.outcome == "stopped" or (last.outcome == "told to end" and not _queued_again()):
            raise TrainingError(f"not tried again: the last attempt ended like this: {last.why}")
        if len(request) >= WITHOUT_PROGRESS and all(known.step == step for known in request[:WITHOUT_PROGRESS]):
            raise TrainingError(
                f"{self.path.parent}: {WITHOUT_PROGRESS} attempts in a row came no further than step {step}; "
                f"of the last one: {last.why}. Mend that, then run snakemake again"
            )

    @contextmanager
    def attempt(self, step: int, attempt: int, first_rank: bool) -> Iterator[None]:
        """Enter an attempt that begins at a step, and how it ends; any rank may say that it failed."""
        if first_rank:
            job = os.environ.get("SLURM_JOB_ID")
            self._add(
                {"began": _now(), "host": socket.gethostname(), "job": job, "again": _again(attempt), "step": step}
            )
        try:
            yield
        except Preempted as interrupted:
            if first_rank:
                self._end("out of time" if interrupted.code == OUT_OF_TIME else "told to end", str(interrupted))
                print(f"train_segment: {interrupted}", file=sys.stderr)
                raise
            raise SystemExit(0) from None  # the first rank's status is that of all
        except Nano3Error as error:
            self._end("stopped", str(error))
            raise
        except BaseException as error:
            *_, last_line = f"{type(error).__name__}: {error}".strip().splitlines()  # some put a whole trace before it
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
            # The error that ends the attempt is worth more than the log's, which may have the same cause.

    def _add(self, entry: dict[str, Any]) -> None:
        torn = not f"\n{self._text()}".endswith("\n")
        with self.path.open("a", encoding="utf-8") as file:
            file.write("\n" * torn + json.dumps(entry) + "\n")

    def _text(self) -> str:
        return self.path.read_text(encoding="utf-8") if self.path.exists() else ""


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Keep other processes out of a segment's folder. Raises TrainingError if one stays for LOCK_SECONDS."""
    with (folder / "lock").open("wb") as file:
        _lock(file, folder)
        yield


def _lock(file: IO[bytes], folder: Path) -> None:
    until = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= until:
                raise TrainingError(f"{folder}: another process trains here: wait until it ends, or end it") from None
        time.sleep(0.5)


def _again(attempt: int) -> bool:
    return attempt > 1 or _queued_again()


def _queued_again() -> bool:
    return int(os.environ.get(RESTARTS, "0")) > 0


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
