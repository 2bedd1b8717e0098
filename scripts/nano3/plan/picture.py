"""
The plan as a picture, left to right: datasets, blends, segments in their order, and what is made of the last one.

A dataset stands for all its shards and their index. A sign, a word and the frame say what is made, or may be; colour
only repeats it.
"""

from collections.abc import Iterable, Mapping

from nano3.core.formatting import count, many
from nano3.drawing import flow
from nano3.drawing.flow import Box, Column, Edge
from nano3.graph.nodes import Certainty, Node
from nano3.plan.plan import STATES, Counts, Plan

ROOMY = 10  # datasets that have a second line and room between them
SIGNS = {"fresh": "✓", "stale": "↻", "new": "+", "conditional": "?", "unneeded": "–"}


def picture(plan: Plan) -> flow.Picture:
    """The boxes and edges of a plan, placed."""
    datasets = dict(_datasets(plan))
    phases: dict[str, dict[Node, Box]] = {}
    for node in _of(plan, "segment"):
        phases.setdefault(node.name.partition("/")[0], {})[node] = _box(node, node.name)
    blends = [{node: _box(node, node.name)} for node in _of(plan, "blend")]
    results = {node: _box(node, node.kind) for node in _of(plan, "export", "lineage", "report")}
    segments = Column("Segments", list(phases.values()), (40.0, 150.0))
    gap = (5.0, 5.0) if _flat(plan) else (14.0, 34.0)
    columns = (
        Column("Datasets", [{node: box} for node, box in datasets.items()], gap),
        Column("Blends", blends, (14.0, 60.0), beside=segments),
        segments,
        Column("Results", [results] if results else [], level=segments if phases else None),
    )
    boxes = {node: box for column in columns for node, box in column.boxes.items()}
    # What is made lies above the rest.
    return flow.picture(columns, sorted(_edges(boxes), key=lambda edge: edge.state != "fresh"))


def _of(plan: Plan, *kinds: str) -> list[Node]:
    return [node for node in plan.nodes if node.kind in kinds]


def _flat(plan: Plan) -> bool:
    return len(_of(plan, "tokens")) > ROOMY


def _datasets(plan: Plan) -> Iterable[tuple[Node, Box]]:
    """Tokens and index as one; the node is the index, or the tokens if the index is not in the plan."""
    indexes = {node.name: node for node in _of(plan, "index")}
    for tokens in _of(plan, "tokens"):
        counts = Counts.of(tokens)
        node = indexes.get(tokens.name, tokens)
        state = "new" if counts.new == counts.total else "stale" if counts.will else state_of(node)
        words = f"index {STATES[state]}" if state == "stale" and not counts.will else STATES[state]
        shards = (
            f"{count(counts.will)} of {many(counts.total, 'shard')}" if counts.will else many(counts.total, "shard")
        )
        line = f"{SIGNS[state]} {shards} {words}"
        if _flat(plan):
            yield node, Box(tokens.name, note=line, state=state)
        else:
            yield node, Box(tokens.name, (line,), state=state, stacked=True)


def _box(node: Node, title: str) -> Box:
    state = state_of(node)
    return Box(title, (f"{SIGNS[state]} {STATES[state]}",), state=state)


def state_of(node: Node) -> str:
    """A key of STATES for a node of one artifact."""
    if node.runs == Certainty.IF:
        return "conditional"
    if node.runs:
        return "new" if node.absent else "stale"
    return "unneeded" if node.absent else "fresh"


def _edges(boxes: Mapping[Node, Box]) -> Iterable[Edge[Node]]:
    """
    Edges that the picture shows: not those of tokens to their index, and of several to a result one. An edge is in the
    state of its end if its start is made; else nothing comes along it.
    """
    for node, box in boxes.items():
        for source in node.sources:
            start = source.node
            if start in boxes and source.updates and (node.kind, start.kind) != ("report", "export"):
                yield Edge(start, node, box.state if start.runs else "fresh", 1.8 if start.runs else 1.2)
