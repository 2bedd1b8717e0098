"""A segment's own samples of its phase, under the numbers that a trainer gives them that has counted from the start."""

from dataclasses import dataclass
from typing import Any, Protocol


class Dataset(Protocol):
    """Samples by number."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The sample of a number."""


@dataclass(frozen=True)
class Window:
    """
    Samples first to first + count of a phase, as the samples before to before + count of the whole training.

    Megatron-Bridge asks for the sample after those that it has seen in all phases, whatever their lengths were; each
    phase begins its blend at its own first sample. before: samples of all earlier segments.
    """

    phase: Dataset
    first: int
    before: int
    count: int

    def __len__(self) -> int:
        """One more than there are: Bridge refuses to begin where there is nothing left, though nothing is to do."""
        return self.before + self.count + 1

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Sample `index` of the whole training. Raises IndexError for one of another segment."""
        if not self.before <= index < self.before + self.count:
            raise IndexError(f"sample {index} is not of this segment: {self.before} to {self.before + self.count}")
        return self.phase[self.first + index - self.before]
