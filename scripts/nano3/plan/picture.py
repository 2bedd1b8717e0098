"""
The plan as a picture, left to right: datasets, blends, segments in their order, and what is made of the last one.

A dataset stands for all its shards and their index. What is made, or may be, is told by a sign, a word and the frame,
and by colour besides. All lengths are CSS pixels, y grows downwards.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from nano3.core.formatting import count, many
from nano3.drawing.flow import MARGIN, Box, across, box_height, box_width
from nano3.graph.nodes import Certainty, Node
from nano3.plan.plan import Counts, Plan

ROOMY = 10  # datasets that have a second line and room between them
HEADING, GAP, CLOSE = 40.0, 14.0, 5.0
BETWEEN = {"Datasets": 130.0, "Blends": 90.0, "Segments": 80.0}
SIGNS = {"fresh": "✓", "again": "↻", "new": "+", "if": "?", "unneeded": "–"}
SAID = {
    "fresh": "fresh",
    "again": "will be made again",
    "new": "will be made",
    "if": "if bytes change",
    "unneeded": "missing, not needed",
}


@dataclass(frozen=True)
class Placed:
    """A box with its state: a key of SIGNS. note: a word at the right of the title, where there is one line."""

    box: Box
    state: str
    note: str = ""


@dataclass(frozen=True)
class Line:
    """What is made from what. path: of an SVG path element. state: of the arrow's end."""

    path: str
    state: str


@dataclass(frozen=True)
class PlanPicture:
    """The whole. headings: x and text over each column."""

    width: float
    height: float
    headings: tuple[tuple[float, str], ...]
    lines: tuple[Line, ...]
    placed: tuple[Placed, ...]


def picture(plan: Plan) -> PlanPicture:
    """Where everything goes; a column is as wide as its longest text, the picture as high as its longest column."""
    kinds = {"Blends": ("blend",), "Segments": ("segment",), "Results": ("export", "lineage", "report")}
    columns = {"Datasets": _datasets(plan)}
    columns |= {heading: [_text(node) for node in plan.nodes if node.kind in these] for heading, these in kinds.items()}
    columns = {heading: column for heading, column in columns.items() if column}
    one_line = len(columns.get("Datasets", [])) > ROOMY
    heights = {heading: _height(column, one_line and heading == "Datasets") for heading, column in columns.items()}
    height = max(heights.values())
    headings, placed, x = [], {}, MARGIN
    for heading, column in columns.items():
        flat = one_line and heading == "Datasets"
        spare = 0.0 if flat else (height - heights[heading]) / (len(column) + 1)
        texts = [(title + f"   {line}" * flat, () if flat else (line,)) for _, title, line, _ in column]
        width = box_width((title, lines or ("",)) for title, lines in texts)
        headings.append((x, heading))
        y = HEADING + spare
        for node, title, line, state in column:
            tall = box_height(1 if flat else 2) - (10.0 if flat else 0.0)
            box = Box(x, y, width, tall, title, () if flat else (line,), "", stacked=heading == "Datasets")
            placed[node] = Placed(box, state, line if flat else "")
            y += tall + (CLOSE if flat else GAP) + spare
        x += width + BETWEEN.get(heading, 0.0)
    right = max(each.box.right for each in placed.values())
    lines = sorted(_lines(plan, placed), key=lambda line: line.state != "fresh")  # what is made lies above
    return PlanPicture(right + MARGIN, HEADING + height + MARGIN, tuple(headings), tuple(lines), tuple(placed.values()))


Text = tuple[Node, str, str, str]


def _datasets(plan: Plan) -> list[Text]:
    """Tokens and index as one; the node is the index, or the tokens where the index is no part of the plan."""
    indexes = {node.name: node for node in plan.nodes if node.kind == "index"}
    texts = []
    for tokens in (node for node in plan.nodes if node.kind == "tokens"):
        counts = Counts.of(tokens)
        node = indexes.get(tokens.name, tokens)
        state = "new" if counts.new == counts.total else "again" if counts.will else state_of(node)
        shards = (
            f"{count(counts.will)} of {many(counts.total, 'shard')}" if counts.will else many(counts.total, "shard")
        )
        said = f"index {SAID[state]}" if state == "again" and not counts.will else SAID[state]
        texts.append((node, tokens.name, f"{SIGNS[state]} {shards} {said}", state))
    return texts


def _text(node: Node) -> Text:
    state = state_of(node)
    title = node.name if node.kind in ("blend", "segment") else node.kind
    return node, title, f"{SIGNS[state]} {SAID[state]}", state


def state_of(node: Node) -> str:
    """A key of SIGNS for a node of one artifact."""
    if node.runs == Certainty.IF:
        return "if"
    if node.runs:
        return "new" if node.absent else "again"
    return "unneeded" if node.absent else "fresh"


def _height(column: Sequence[Text], flat: bool) -> float:
    each = box_height(1) - 10.0 + CLOSE if flat else box_height(2) + GAP
    return len(column) * each


def _lines(plan: Plan, placed: dict[Node, Placed]) -> Iterable[Line]:
    """Edges that the picture shows: not those of tokens to their index, and of several to a result one."""
    for node, there in placed.items():
        for source in node.sources:
            if source.node in placed and source.updates and (node.kind, source.node.kind) != ("report", "export"):
                yield Line(_path(placed[source.node].box, there.box), _edge_state(source.node, there.state))


def _edge_state(source: Node, state: str) -> str:
    """An edge is as its end, if its source is made; else nothing comes along it."""
    return state if source.runs else "fresh"


def _path(start: Box, end: Box) -> str:
    if start.x == end.x:
        x = start.x + start.width / 2
        return f"M{x:.1f} {start.bottom:.1f}V{end.y - 3:.1f}"
    return across(start.right, start.middle, end.x - 3, end.middle)
