"""The steps of a segment so far; they survive an preemption as far as the checkpoint does."""

import json
from pathlib import Path
from typing import Any

from nano3.artifact.files import replaced
from nano3.training.attempts import TrainingError


class Progress:
    """One JSON line a step in a file beside the checkpoints."""

    def __init__(self, path: Path, first: int) -> None:
        self.path, self.first = path, first

    def lines(self) -> list[dict[str, Any]]:
        """All steps in order; a torn last line is none."""
        if not self.path.exists():
            return []
        whole = (
            line for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")
        )
        return [json.loads(line) for line in whole]

    def forget_after(self, step: int) -> None:
        """Drop what was done after a checkpoint: it will be done again. Raises TrainingError if a step is missing."""
        kept = [line for line in self.lines() if line["step"] < step]
        if [line["step"] for line in kept] != list(range(self.first, step)):
            raise TrainingError(f"{self.path}: does not hold steps {self.first} to {step}: delete {self.path.parent}")
        with replaced(self.path) as aside:
            aside.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    def add(self, line: dict[str, Any]) -> None:
        """Append a step."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")
