"""What runs follows from a graph: on small ones, made by hand."""

from nano3.graph.nodes import Certainty, Node, Source, ancestors, causes, consequences, reached, settle

NO, IF, WILL = Certainty.NO, Certainty.IF, Certainty.WILL


def stale(kind: str, name: str, *sources: Source, reason: str = "changed", implied: bool = False) -> Node:
    return Node(kind, name, changed={reason: [name]}, sources=[*sources], implied=implied)


def absent(kind: str, name: str, *sources: Source, reason: str = "not made yet") -> Node:
    return Node(kind, name, absent={reason: [name]}, sources=[*sources])


def fresh(kind: str, name: str, *sources: Source) -> Node:
    return Node(kind, name, sources=[*sources])


def certainties(*nodes: Node, targets: tuple[Node, ...] = ()) -> list[Certainty]:
    settle(nodes, targets)
    return [node.runs for node in nodes]


def test_what_is_fresh_stays_and_what_changed_runs_with_all_that_is_made_from_it() -> None:
    tokens, other = stale("tokens", "math"), fresh("tokens", "code")
    index = fresh("index", "math", Source(tokens, WILL))
    blend = fresh("blend", "phase1", Source(index, WILL), Source(fresh("index", "code"), WILL))
    assert certainties(tokens, other, index, blend) == [WILL, NO, WILL, WILL]


def test_what_follows_conditionally_makes_nothing_certain_after_it() -> None:
    blend = stale("blend", "phase1")
    first = fresh("segment", "phase1/stable", Source(blend, IF))
    second = fresh("segment", "phase1/decay", Source(first, WILL))
    assert certainties(blend, first, second) == [WILL, IF, IF]
    third = fresh("segment", "phase1/stable", Source(blend, WILL))
    assert certainties(blend, third) == [WILL, WILL], "the blend's content will be another"


def test_what_is_only_needed_is_no_reason_to_run() -> None:
    cache = stale("cache", "phase1")
    assert certainties(cache, fresh("segment", "phase1/stable", Source(cache, NO))) == [WILL, NO]


def test_what_is_not_there_is_made_if_it_is_wanted_or_something_that_runs_needs_it() -> None:
    index = absent("index", "math")
    export = fresh("export", "tiny", Source(index, NO))
    assert certainties(index, export) == [NO, NO]
    assert certainties(index, export, targets=(index,)) == [WILL, NO]
    assert certainties(index, stale("export", "tiny", Source(index, NO))) == [WILL, WILL]


def test_a_blend_or_an_index_cache_that_is_not_there_is_always_made() -> None:
    kinds = ("tokens", "index", "blend", "cache", "segment", "export", "lineage", "report")
    assert {kind for kind in kinds if certainties(absent(kind, "x")) == [WILL]} == {"blend", "cache"}


def test_what_is_not_there_is_made_before_it_is_known_whether_its_reader_runs() -> None:
    """A conditional run needs tokens, indexes and blends for certain, and segments and exports only if it happens."""
    blend = stale("blend", "phase1")
    for kind, runs in (("tokens", WILL), ("index", WILL), ("blend", WILL), ("segment", IF), ("export", IF)):
        needed = absent(kind, "needed")
        assert certainties(blend, needed, fresh("x", "x", Source(blend, IF), Source(needed, NO))) == [WILL, runs, IF], (
            kind
        )


def test_what_is_not_there_does_not_wait_for_a_condition() -> None:
    blend = stale("blend", "phase1")
    missing = absent("segment", "phase1/stable", Source(blend, IF))
    assert reached(missing, missing.sources[0], WILL) == WILL
    assert reached(missing, Source(blend, NO), WILL) == NO
    assert certainties(blend, missing) == [WILL, WILL]


def test_making_what_was_needed_passes_on_to_all_that_is_made_from_it() -> None:
    index = absent("index", "math")
    other = fresh("blend", "phase1", Source(index, WILL))
    wants = stale("blend", "phase2", Source(index, WILL))
    assert certainties(index, other, wants) == [WILL, WILL, WILL]


def test_ancestors_are_the_targets_and_all_they_are_made_from_once() -> None:
    tokens = fresh("tokens", "math")
    index = fresh("index", "math", Source(tokens, WILL))
    blend = fresh("blend", "phase1", Source(index, WILL), Source(tokens, NO))
    fresh("cache", "phase1", Source(blend, IF))
    assert ancestors([blend]) == {tokens, index, blend}
    assert ancestors([]) == set()


def test_consequences_leave_causes_out_and_keep_the_order_of_nodes() -> None:
    blend, other = stale("blend", "phase1"), stale("blend", "phase2")
    cache = fresh("cache", "phase1", Source(blend, WILL))
    segment = fresh("segment", "phase1/stable", Source(cache, NO), Source(blend, IF), Source(other, IF))
    export = fresh("export", "tiny", Source(segment, WILL))
    nodes = [blend, other, cache, segment, export]
    follows = consequences(nodes, [blend])
    assert list(follows.items()) == [(cache, WILL), (segment, IF), (export, IF)]
    assert consequences(nodes, [segment, blend]) == {cache: WILL, export: WILL}
    assert consequences(nodes, [export]) == {}


def test_one_reason_of_many_nodes_is_one_cause_with_what_follows_from_all_of_them() -> None:
    math, code = stale("index", "math", reason="indexing code"), stale("index", "code", reason="indexing code")
    blends = [fresh("blend", name, Source(index, WILL)) for name, index in (("one", math), ("two", code))]
    nodes = [math, code, *blends]
    settle(nodes, [])
    [cause] = causes(nodes)
    assert (cause.kind, cause.reason, cause.nodes) == ("index", "indexing code", (math, code))
    assert cause.names == {"math": ["math"], "code": ["code"]}
    assert cause.follows == dict.fromkeys(blends, WILL)


def test_a_node_with_two_reasons_has_two_causes() -> None:
    tokens = Node("tokens", "math", 9, {"raw bytes changed": ["a", "b"]}, {"not made yet": ["c"]})
    assert (tokens.missing, tokens.made, Node("segment", "x").made) == (1, 3, 1)
    settle([tokens], [])
    assert {(cause.reason, *cause.names["math"]) for cause in causes([tokens])} == {
        ("not made yet", "c"),
        ("raw bytes changed", "a", "b"),
    }


def test_what_a_source_says_already_is_said_once() -> None:
    tokens = stale("tokens", "math", reason="raw bytes changed")
    for implied, reasons in ((True, ["raw bytes changed"]), (False, ["raw bytes changed", "the list changed"])):
        nodes = [
            tokens,
            stale("index", "math", Source(tokens, WILL), reason="the list changed", implied=implied),
        ]
        settle(nodes, [])
        assert [cause.reason for cause in causes(nodes)] == reasons
    alone = stale("index", "math", reason="the list changed", implied=True)
    settle([alone], [])
    assert [cause.reason for cause in causes([alone])] == ["the list changed"], "no source that runs has said it"


def test_what_is_not_there_and_follows_is_no_cause_of_its_own() -> None:
    tokens = absent("tokens", "math")
    index = absent("index", "math", Source(tokens, WILL))
    settle([tokens, index], [index])
    assert [cause.kind for cause in causes([tokens, index])] == ["tokens"]
    idle = absent("export", "tiny")
    settle([idle], [])
    assert causes([idle]) == [], "nothing runs"
