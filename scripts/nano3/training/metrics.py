"""Which steps of a segment are done? After a preemption, those up to its last checkpoint."""

import json
from pathlib import Path
from typing import Any

from nano3.artifact.files import replaced
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
