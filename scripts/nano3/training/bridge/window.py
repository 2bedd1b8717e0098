"""A segment's own samples, under the numbers that a trainer gives them that has counted from the start."""

from dataclasses import dataclass
from typing import Any, Protocol


class SampleSource(Protocol):
    """Samples by number."""

    def __getitem__(self, index: int) -> dict[str, Any]:
        """The sample of a number."""


@dataclass(frozen=True)
class Window:
    """
    The samples of a segment, as the samples before to before + count of the whole training.

    Megatron-Bridge asks for the sample after those that it has seen in all segments, whatever their lengths were.
    segment: its own samples, from 0. before: samples of all earlier segments.
    """

    segment: SampleSource
    before: int
    count: int

    def __len__(self) -> int:
        """One more than there are: Bridge refuses to begin where there is nothing left, though nothing is to do."""
        return self.before + self.count + 1

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Sample `index` of the whole training. Raises IndexError for one of another segment."""
        if not self.before <= index < self.before + self.count:
            raise IndexError(f"sample {index} is not of this segment: {self.before} to {self.before + self.count}")
        return self.segment[index - self.before]
