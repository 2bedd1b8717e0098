"""How do a cause and its effects read? As one sentence: what is certain `will` be, the rest comes after `if`."""

from collections.abc import Sequence

from nano3.core.formatting import many
from nano3.graph.nodes import Cause, Certainty, Node

LISTED = 5  # names before "and N more"


def sentence(cause: Cause, order: Sequence[Node]) -> str:
    """Why something is made and what follows but for index caches, which cost nothing. order: all nodes of the plan."""
    parts = [f"{_subject(cause)}: {cause.reason}"]
    segments = [node for node in order if node.kind == "segment"]
    certain = [node for node, how in cause.follows.items() if how == Certainty.WILL]
    made, trained = _made(cause, certain), _trained(certain, segments)
    if made:
        parts.append(f"{made} will be made{_again(certain, ('index', 'blend'))}")
    if trained:
        parts.append(f"{trained} will be trained{_again(certain, ('segment',))}")
    if ends := _ends(certain):
        parts.append(f"{ends} will follow" if made or trained else f"then {ends} will be made{_again(certain, ENDS)}")
    perhaps = [node for node, how in cause.follows.items() if how == Certainty.IF and node.kind != "cache"]
    if perhaps:
        what = [
            f"{trained} will be trained again" if (trained := _trained(perhaps, segments)) else "",
            f"{ends} will follow" if (ends := _ends(perhaps)) else "",
        ]
        parts.append(f"{_condition(cause, certain)}, {' and '.join(filter(None, what))}")
    return "; ".join(parts)


ENDS = ("export", "lineage", "report")
NOUNS = {"index": ("index", "indexes"), "blend": ("blend", "blends"), "cache": ("index cache", "index caches")}


def _subject(cause: Cause) -> str:
    names = [node.name for node in cause.nodes]
    if cause.kind == "tokens":
        shards = many(sum(map(len, cause.names.values())), "shard")
        if len(names) == 1:
            [only] = cause.names.values()
            return f"{shards} of {names[0]}" + (f" ({only[0]})" if len(only) == 1 else "")
        each = [f"{name} {len(cause.names[name]):,}" for name in names]
        return f"{shards} of {len(names)} datasets ({', '.join(_first(each))})"
    if cause.kind in NOUNS:
        return f"the {NOUNS[cause.kind][len(names) > 1]} of {_listed(_first(names))}"
    return _listed(names) if cause.kind == "segment" else f"the {cause.kind}"


def _made(cause: Cause, nodes: Sequence[Node]) -> str:
    """Indexes and blends."""
    indexes, blends = ([node.name for node in nodes if node.kind == kind] for kind in ("index", "blend"))
    parts = []
    if indexes:
        parts.append("its index" if len(cause.nodes) == 1 else "their indexes")
    if blends:
        parts.append(f"the {'blend' if len(blends) == 1 else 'blends'} of {_listed(blends)}")
    return " and ".join(parts)


def _trained(nodes: Sequence[Node], segments: Sequence[Node]) -> str:
    """Segments: all of the end of the training by its first, others by name."""
    names, all_names = [node.name for node in nodes if node.kind == "segment"], [node.name for node in segments]
    if len(names) > 2 and names == all_names[-len(names) :]:
        return f"{names[0]} and the {len(names) - 1} segments after it"
    return _listed(names)


def _ends(nodes: Sequence[Node]) -> str:
    return _listed([f"the {node.kind}" for node in nodes if node.kind in ENDS])


def _again(nodes: Sequence[Node], kinds: Sequence[str]) -> str:
    return " again" if any(node.kind in kinds and not node.absent for node in nodes) else ""


def _condition(cause: Cause, certain: Sequence[Node]) -> str:
    blends = [node for node in (*cause.nodes, *certain) if node.kind == "blend"]
    return "if the blend's bytes change" if len(blends) == 1 else "if the bytes of a blend change"


def _first(names: Sequence[str]) -> list[str]:
    return [*names[:LISTED], *([f"{len(names) - LISTED} more"] if len(names) > LISTED else [])]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))
