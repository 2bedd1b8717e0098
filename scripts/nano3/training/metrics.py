"""Which steps of a segment are done? After a preemption, those up to its last checkpoint. And how fast are they?"""

import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nano3.artifact.files import replaced
from nano3.artifact.steps import Spec
from nano3.core.formatting import SPACE, compact, duration, loss, rate
from nano3.training.attempts import TrainingError


class Progress:
    """One JSON line per step, in a file beside the checkpoints."""

    def __init__(self, path: Path, first: int) -> None:
        self.path, self.first = path, first

    def lines(self) -> list[dict[str, Any]]:
        """All steps in order; a torn last line is skipped."""
        if not self.path.exists():
            return []
        whole = (
            line for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")
        )
        return [json.loads(line) for line in whole]

    def forget_after(self, step: int) -> None:
        """Drop the steps after a checkpoint, to be repeated. Raises TrainingError if one before it is missing."""
        steps = [line for line in self.lines() if line["step"] < step]
        if [line["step"] for line in steps] != list(range(self.first, step)):
            raise TrainingError(f"{self.path}: does not hold steps {self.first} to {step}: delete {self.path.parent}")
        with replaced(self.path) as aside:
            aside.write_text("".join(json.dumps(line) + "\n" for line in steps), encoding="utf-8")

    def add(self, line: dict[str, Any]) -> None:
        """Append a step."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


LOG_SECONDS = 5.0  # between lines in a segment's log; a step that takes longer has a line of its own


class StepLog:
    """
    Lines in the log of a segment for those who watch it: a step, its loss and rate, the speed, the time that is left.

    spec: of the segment. clock: in seconds. Only one rank may write.
    """

    def __init__(self, spec: Spec, clock: Callable[[], float] = time.monotonic) -> None:
        self._first, self._steps = spec["steps"]["first"], spec["steps"]["count"]
        self._step_tokens = spec["batch"]["global_batch_size"] * spec["batch"]["sequence_length"]
        self._clock = clock
        self._since, self._unsaid, self._said = clock(), 0, False

    def add(self, line: Mapping[str, Any]) -> None:
        """Note a step's line of metrics, and write one for people if it is time: the first, the last, now and then."""
        self._unsaid += 1
        now, done = self._clock(), int(line["step"]) - self._first + 1
        if self._said and done < self._steps and now - self._since < LOG_SECONDS:
            return
        speed = self._unsaid * self._step_tokens / max(now - self._since, 1e-9)
        self._since, self._unsaid, self._said = now, 0, True
        left = (self._steps - done) * self._step_tokens / speed
        words = [
            f"step {line['step']:,}, {done:,} of {self._steps:,}",
            f"loss {loss(line['loss'])}",
            f"learning rate {rate(line['learning_rate'])}",
            f"{compact(speed)} tokens/s",
            *([f"about {duration(max(1.0, round(left)))} left".replace(SPACE, " ")] if done < self._steps else []),
        ]
        say(", ".join(words))


def say(text: str) -> None:
    """Write a line in the log of a segment, at once. Only one rank may."""
    print(time.strftime("%H:%M:%S"), text, file=sys.stderr, flush=True)
