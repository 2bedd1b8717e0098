"""Boxes and curves of a flow graph, drawn left to right. Lengths are CSS pixels; y grows downwards."""

from collections.abc import Iterable
from dataclasses import dataclass

TITLE_SIZE, LINE_SIZE = 14.0, 12.0
LETTER = 0.6  # widest mean width of a letter, in sizes; measured on bold names in the widest common sans-serif
PADDING = 14.0
MARGIN = 8.0

Text = tuple[str, tuple[str, ...]]  # a title and the lines below it


@dataclass(frozen=True)
class Box:
    """An artifact. anchor: where the page tells more. colour: of its phase, 0 to 6. stacked: it stands for many."""

    x: float
    y: float
    width: float
    height: float
    title: str
    lines: tuple[str, ...]
    anchor: str
    colour: int | None = None
    stacked: bool = False

    @property
    def right(self) -> float:
        """The right side's x."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """The y half-way down."""
        return self.y + self.height / 2

    @property
    def bottom(self) -> float:
        """The bottom side's y."""
        return self.y + self.height


def box_height(lines: int) -> float:
    """Height of a box. lines: of text, its title included."""
    return 22.0 + 18.0 * lines


def box_width(texts: Iterable[Text]) -> float:
    """Width of boxes that hold all these texts."""
    sizes = [
        max(len(title) * TITLE_SIZE, *(len(line) * LINE_SIZE for line in lines)) * LETTER for title, lines in texts
    ]
    return max(sizes) + 2 * PADDING


def across(x1: float, y1: float, x2: float, y2: float) -> str:
    """A curve that leaves and arrives horizontally."""
    bend = (x2 - x1) / 2
    return f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
