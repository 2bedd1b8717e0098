"""
Where do the boxes of a flow graph go? Left to right, in columns under headings, with an edge for each dependency.

A column is as wide as its longest text, the picture as high as its tallest column. Lengths are CSS pixels; y grows
downwards.
"""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any, Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)

TITLE_SIZE, LINE_SIZE = 14.0, 12.0
LETTER = 0.6  # widest mean width of a letter, in sizes; measured on bold names in the widest common sans-serif
PADDING = 14.0
MARGIN, HEADING, SHADE, TIP = 8.0, 40.0, 6.0, 3.0
WITHIN_GROUP, BETWEEN_COLUMNS = 20.0, 80.0
FIRST_BETWEEN = (110.0, 230.0)  # many edges cross here: the higher the picture, the more room they need


@dataclass(frozen=True)
class Box:
    """
    An artifact. note: at the right of a title without lines. state: its class in the style sheet. anchor: of the line
    of the page that says more. colour: of its phase, 0 to 6. stacked: it stands for many.
    """

    title: str
    lines: tuple[str, ...] = ()
    note: str = ""
    state: str = ""
    anchor: str = ""
    colour: int | None = None
    stacked: bool = False

    @property
    def height(self) -> float:
        """As many lines as it has; a title alone is set closer."""
        return 40.0 + 18.0 * len(self.lines) if self.lines else 30.0

    @property
    def width(self) -> float:
        """For its longest text."""
        title = f"{self.title}   {self.note}" if self.note else self.title
        sizes = [len(title) * TITLE_SIZE, *(len(line) * LINE_SIZE for line in self.lines)]
        return max(sizes) * LETTER + 2 * PADDING


@dataclass(frozen=True)
class Column(Generic[Key]):
    """
    Boxes under a heading, in groups that stand further apart. gap: least and most between groups. beside: the column
    whose groups these boxes are centred on, one each. level: the column that this one ends level with.
    """

    heading: str
    groups: Sequence[Mapping[Key, Box]]
    gap: tuple[float, float] = (14.0, 34.0)
    beside: "Column[Key] | None" = None
    level: "Column[Key] | None" = None

    @property
    def boxes(self) -> dict[Key, Box]:
        """All of them, from the top."""
        return dict(chain.from_iterable(group.items() for group in self.groups))

    def height(self, gap: float) -> float:
        """With this gap between groups."""
        breaks = len(self.groups) - 1
        inner = WITHIN_GROUP * (len(self.boxes) - 1 - breaks)
        return sum(box.height for box in self.boxes.values()) + inner + gap * breaks

    def tops(self, height: float) -> Iterator[float]:
        """The y of each box in a picture whose columns have this height at most."""
        if self.beside and len(self.beside.groups) == len(self.boxes):
            tops = self.beside.tops(height)
            for box, group in zip(self.boxes.values(), self.beside.groups, strict=True):
                others = [(next(tops), other.height) for other in group.values()]
                yield (others[0][0] + sum(others[-1]) - box.height) / 2
            return
        gap = between(self.gap[0], (height - self.height(0)) / max(1, len(self.groups) - 1), self.gap[1])
        y = HEADING + (height - self.height(gap)) / 2
        if self.level:
            *_, (last, box) = zip(self.level.tops(height), self.level.boxes.values(), strict=True)
            y = max(HEADING, last + box.height - self.height(gap))
        for group in self.groups:
            for box in group.values():
                yield y
                y += box.height + WITHIN_GROUP
            y += gap - WITHIN_GROUP


@dataclass(frozen=True)
class Edge(Generic[Key]):
    """What one box takes from another. leaves, arrives: where, from the boxes' middles."""

    start: Key
    end: Key
    state: str = ""
    width: float = 1.6
    colour: int | None = None
    arrow: bool = True
    leaves: float = 0.0
    arrives: float = 0.0


@dataclass(frozen=True)
class PlacedBox:
    """A box and where it is."""

    box: Box
    x: float
    y: float
    width: float

    @property
    def right(self) -> float:
        """The right side's x."""
        return self.x + self.width

    @property
    def middle(self) -> float:
        """The y half-way down."""
        return self.y + self.box.height / 2

    @property
    def bottom(self) -> float:
        """The bottom side's y."""
        return self.y + self.box.height


@dataclass(frozen=True)
class Picture:
    """The whole. headings: x and text over each column. edges: each with the path of an SVG path element."""

    width: float
    height: float
    headings: tuple[tuple[float, str], ...]
    edges: tuple[tuple[Edge[Any], str], ...]
    boxes: tuple[PlacedBox, ...]


def picture(columns: Iterable[Column[Key]], edges: Iterable[Edge[Key]]) -> Picture:
    """Place all boxes; a column without any is left out. Edges lie over each other in their order."""
    columns = [column for column in columns if column.boxes]
    height = max(column.height(column.gap[0]) for column in columns)
    headings, placed, x = [], {}, MARGIN
    for number, column in enumerate(columns):
        headings.append((x, column.heading))
        width = max(box.width for box in column.boxes.values())
        for (key, box), y in zip(column.boxes.items(), column.tops(height), strict=True):
            placed[key] = PlacedBox(box, x, y, width)
        x += width + (BETWEEN_COLUMNS if number else between(FIRST_BETWEEN[0], height / 6, FIRST_BETWEEN[1]))
    return Picture(
        max(each.right for each in placed.values()) + MARGIN,
        HEADING + height + SHADE + MARGIN,
        tuple(headings),
        tuple((edge, _path(edge, placed[edge.start], placed[edge.end])) for edge in edges),
        tuple(placed.values()),
    )


def between(least: float, wanted: float, most: float) -> float:
    """The number nearest to the wanted one."""
    return min(most, max(least, wanted))


def _path(edge: Edge[Key], start: PlacedBox, end: PlacedBox) -> str:
    """Straight down within a column; else a curve that leaves and arrives horizontally."""
    tip = TIP if edge.arrow else 0.0
    if start.x == end.x:
        return f"M{start.x + start.width / 2:.1f} {start.bottom:.1f}V{end.y - tip:.1f}"
    x1, y1, x2, y2 = start.right, start.middle + edge.leaves, end.x - tip, end.middle + edge.arrives
    bend = (x2 - x1) / 2
    return f"M{x1:.1f} {y1:.1f}C{x1 + bend:.1f} {y1:.1f} {x2 - bend:.1f} {y2:.1f} {x2:.1f} {y2:.1f}"
