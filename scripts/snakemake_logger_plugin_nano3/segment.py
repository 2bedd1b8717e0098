"""
How far is the segment that trains now? Read from the file of metrics beside its checkpoints, a line a step.

The folder of the weights is named by the digest of the spec, and both are words of the job's command: so a job needs
no channel to this process, and where it runs does not matter as long as it shares the files.
"""

import json
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json, short

RECENT = 20  # steps that the speed is measured over


@dataclass(frozen=True)
class Standing:
    """Where a segment stands. step: of its own steps. loss: of the last one. speed: in tokens/s. left: in seconds."""

    step: int
    steps: int
    loss: float
    speed: float
    left: float


class Segment:
    """The metrics of one segment, read on from where they were read to."""

    def __init__(self, path: Path, first: int, steps: int, step_tokens: int) -> None:
        self.path, self.first, self.steps, self.step_tokens = path, first, steps, step_tokens
        self._read = 0  # bytes of the file
        self._recent: list[dict[str, Any]] = []

    @classmethod
    def of(cls, command: str) -> "Segment | None":
        """The segment that a job's command trains; None if it says no spec."""
        words = shlex.split(command)
        try:
            spec = json.loads(words[words.index("--spec") + 1])
            folder = Path(words[words.index("--weights") + 1]) / short(digest_json(spec))
            steps, batch = spec["steps"], spec["batch"]
        except (ValueError, IndexError, KeyError, TypeError):
            return None
        tokens = batch["global_batch_size"] * batch["sequence_length"]
        return cls(folder / "progress.jsonl", steps["first"], steps["count"], tokens)

    @property
    def tokens(self) -> int:
        """Tokens of the whole segment."""
        return self.steps * self.step_tokens

    def standing(self) -> Standing | None:
        """Where it stands now; None before its first step."""
        self._read_on()
        if not self._recent:
            return None
        last, seconds = self._recent[-1], sum(line["seconds"] for line in self._recent)
        step = int(last["step"]) - self.first + 1
        speed = len(self._recent) * self.step_tokens / max(seconds, 1e-9)
        return Standing(step, self.steps, last["loss"], speed, (self.steps - step) * self.step_tokens / speed)

    def _read_on(self) -> None:
        """Whole lines that are new. A segment that resumes writes its file again: then it is read from its start."""
        try:
            if self.path.stat().st_size < self._read:
                self._read, self._recent = 0, []
            with self.path.open("rb") as file:
                file.seek(self._read)
                whole, end, _ = file.read().rpartition(b"\n")
            lines = [json.loads(line) for line in whole.splitlines()[-RECENT:]]
        except (OSError, ValueError):
            return
        self._read += len(whole) + len(end)
        self._recent = [*self._recent, *lines][-RECENT:]
