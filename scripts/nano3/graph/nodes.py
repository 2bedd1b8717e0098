"""
What runs, and why? The artifact graph with a dataset's shards as one node.

It answers as Snakemake would, from receipts alone: a node runs when it differs from what today's key asks for, or when
something it is made from is made again; one that is not there is made when something needs it, a blend or an index
cache always. What is made from a blend runs for certain when the blend's content will be another, and conditionally
when that shows only once the blend has been made again.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import IntEnum


class Certainty(IntEnum):
    """Whether something runs."""

    NO = 0
    IF = 1
    WILL = 2


@dataclass(frozen=True)
class Source:
    """What a node is made from. updates: how certainly the node is made again with it; NO if it is only needed."""

    node: "Node"
    updates: Certainty


@dataclass(eq=False)
class Node:
    """
    Artifacts of one kind. kind: tokens, index, blend, cache, segment, export, lineage or report. name: of the dataset,
    phase, phase/segment or recipe. total: artifacts that it stands for. changed: those that are there but stale in
    themselves, by reason. absent: those that are not there, by reason. implied: what changed it is told of its sources
    already. runs: see settle().
    """

    kind: str
    name: str
    total: int = 1
    changed: dict[str, list[str]] = field(default_factory=dict)
    absent: dict[str, list[str]] = field(default_factory=dict)
    sources: list[Source] = field(default_factory=list)
    implied: bool = False
    runs: Certainty = Certainty.NO

    @property
    def missing(self) -> int:
        """How many are not there."""
        return sum(map(len, self.absent.values()))

    @property
    def made(self) -> int:
        """How many are made if it runs."""
        return self.total if self.kind != "tokens" else self.missing + sum(map(len, self.changed.values()))


def ancestors(targets: Iterable[Node]) -> set[Node]:
    """The targets and all they are made from."""
    seen: set[Node] = set()
    waiting = list(targets)
    while waiting:
        node = waiting.pop()
        if node not in seen:
            seen.add(node)
            waiting += [source.node for source in node.sources]
    return seen


def settle(nodes: Sequence[Node], targets: Iterable[Node]) -> None:
    """
    Decide which nodes run. nodes: in an order in which sources come first. A blend or an index cache that is not there
    always does.
    """
    wanted = set(targets)
    for node in nodes:
        asked = node in wanted or node.kind in ("blend", "cache")
        node.runs = Certainty.WILL if node.changed or (node.absent and asked) else Certainty.NO
    before = None
    while before != (before := [node.runs for node in nodes]):
        for node in nodes:
            node.runs = max([node.runs, *(reached(node, source) for source in node.sources)])
        for node in reversed(nodes):
            for source in node.sources:
                if node.runs and source.node.absent:
                    early = source.node.kind in ("tokens", "index", "blend")  # made before it is known what follows
                    source.node.runs = max(source.node.runs, Certainty.WILL if early else node.runs)


def reached(node: Node, source: Source, runs: Certainty | None = None) -> Certainty:
    """How certainly a node runs because a source does. runs: the source's own certainty, if not as settled."""
    updates = Certainty.WILL if node.absent and source.updates else source.updates
    return min(source.node.runs if runs is None else runs, updates)


def consequences(nodes: Sequence[Node], causes: Iterable[Node]) -> dict[Node, Certainty]:
    """What follows when the causes run, in the order of nodes, and how certainly. Causes themselves are left out."""
    roots = set(causes)
    runs: dict[Node, Certainty] = dict.fromkeys(roots, Certainty.WILL)
    for node in nodes:
        if node not in roots:
            paths = [reached(node, source, runs[source.node]) for source in node.sources if source.node in runs]
            if certainty := max(paths, default=Certainty.NO):
                runs[node] = certainty
    return {node: runs[node] for node in nodes if node in runs and node not in roots}


@dataclass(frozen=True)
class Cause:
    """Nodes of one kind that are made for one reason. names: of their artifacts. follows: see consequences()."""

    kind: str
    reason: str
    nodes: tuple[Node, ...]
    names: Mapping[str, Sequence[str]]
    follows: Mapping[Node, Certainty]


def causes(nodes: Sequence[Node]) -> list[Cause]:
    """Why something runs: every reason that is not another's consequence."""
    explained: set[Node] = set()
    found: dict[tuple[str, str], list[Node]] = {}
    for node in nodes:
        if node.runs:
            reasons = [] if node in explained else [*node.absent]
            reasons += [] if node in explained and node.implied else [*node.changed]
            for reason in reasons:
                found.setdefault((node.kind, reason), []).append(node)
            if reasons:
                explained |= {node, *consequences(nodes, [node])}
    return [
        Cause(
            kind,
            reason,
            tuple(group),
            {node.name: (node.changed | node.absent)[reason] for node in group},
            consequences(nodes, group),
        )
        for (kind, reason), group in found.items()
    ]
