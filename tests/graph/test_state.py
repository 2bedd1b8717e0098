"""Everything that a recipe asks for becomes nodes with verdicts, sources first."""

import json
import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nano3.corpus.freshness import NEW
from nano3.graph import judge, reasons
from nano3.graph.nodes import Certainty, Node, settle
from nano3.graph.state import State, bundles, read_state, refusals, shortage
from tests.graph.changes import new_shard, pin, pinned_shards
from tests.graph.conftest import few_validation_tokens, rewrite, tiny

CAPPED = {"repetition": {"max_epochs": 400, "over_cap": "redistribute"}}
IF, WILL, NO = Certainty.IF, Certainty.WILL, Certainty.NO
MATH = "tiny-math"


def state(edits: Mapping[str, Any] | None = None) -> State:
    return read_state(tiny(edits))


def pin_again(root: Path, shard: str) -> None:
    """As if a shard had other bytes."""
    shards = pinned_shards(root, MATH)
    pin(root, MATH, [replace(each, sha256="0" * 64) if each.name == shard else each for each in shards])


def test_nodes_of_what_is_built_have_nothing_to_say_and_come_after_their_sources(tiny_house: Path) -> None:
    nodes = state().nodes
    assert [node.name for node in nodes if node.changed or node.absent] == []
    for number, node in enumerate(nodes):
        assert all(source.node in nodes[:number] for source in node.sources), node
    counts = {kind: sum(node.kind == kind for node in nodes) for kind in dict.fromkeys(node.kind for node in nodes)}
    ends = {"export": 1, "lineage": 1, "report": 1}
    assert counts == {"tokens": 4, "index": 4, "blend": 3, "cache": 3, "segment": 6} | ends
    assert state().node("tokens", MATH).total == 3


def test_of_a_bare_catalogue_everything_is_absent(bare: Path) -> None:
    nodes = state().nodes
    assert {reason for node in nodes for reason in node.absent} == {NEW}
    assert sum(node.missing for node in nodes) == 12 + 4 + 3 + 3 + 6 + 3
    assert {spec["data"]["blend"] for spec in state().specs.values()} == {""}, "nobody knows their blends"


def test_tokens_are_new_or_changed_shard_by_shard(tiny_house: Path) -> None:
    new_shard(tiny_house)
    pin_again(tiny_house, "set-mm-01")
    tokens = state().node("tokens", MATH)
    assert (tokens.absent, tokens.changed) == ({NEW: ["set-mm-77"]}, {"raw bytes changed": ["set-mm-01"]})
    assert (tokens.total, tokens.made) == (4, 2)


@pytest.mark.parametrize(
    ("edits", "reason"),
    [
        ({"tokenizer.add_bos": True}, "tokenizer.add_bos: false is now true"),
        ({"holdout.valid": 0.1}, "holdout.valid: 0.04 is now 0.1"),
        ({"sample": 1000}, "the sample changed"),
    ],
)
def test_other_tokens_are_named_with_the_folder_where_the_old_ones_stay(
    tiny_house: Path, edits: dict[str, Any], reason: str
) -> None:
    graph = state(edits)
    assert list(graph.node("tokens", MATH).absent) == [f"{reason}; the old tokens stay in {tiny().paths.tokens}"]
    assert graph.node("blend", "phase1").changed.keys() == {reasons.TOKENS}
    assert graph.node("blend", "phase1").implied


def test_tokens_that_were_never_made_are_no_other_tokens(tiny_house: Path) -> None:
    edits = {"tokenizer.add_bos": True}
    for phase in tiny().recipe.phases:
        os.remove(tiny().paths.blend_receipt(phase))
    assert list(state(edits).node("tokens", MATH).absent) == [NEW]


def test_what_reads_a_blend_that_will_be_made_again_is_judged_by_the_content_it_had(tiny_house: Path) -> None:
    before = state().specs
    pin_again(tiny_house, "set-mm-01")
    graph = state()
    assert graph.specs == before
    assert [node.name for node in graph.nodes if node.changed] == [MATH, MATH], "tokens and index; blends follow"
    settle(graph.nodes, [])
    assert {node.runs for node in graph.nodes if node.kind == "blend"} == {WILL}
    assert {node.runs for node in graph.nodes if node.kind in ("cache", "segment", "export")} == {IF}


def test_what_differs_from_a_blend_that_will_be_made_again_is_not_certain_to_be_made(tiny_house: Path) -> None:
    """A run stopped after another blend of phase1: a further change may bring the old one back."""
    blend = Path(tiny().paths.blend_receipt("phase1"))
    facts = json.loads(blend.read_text())["facts"]
    code, math = facts["datasets"]["tiny-code"], facts["datasets"][MATH]
    code["share"], math["share"] = math["share"], code["share"]
    rewrite(blend, content="0" * 64, facts=facts)
    late = [node for node in state().nodes if node.kind in ("cache", "segment")]
    assert {node.name for node in late if node.changed} == {node.name for node in late}
    Path(tiny().paths.blend("phase1")).unlink()
    assert not [node for node in state().nodes if node.changed], "what later phases read depends on it too"
    pin_again(tiny_house, "set-mm-01")
    assert {node.kind for node in state().nodes if node.changed} == {"tokens", "index"}


def test_without_its_blend_a_phase_has_the_one_that_it_was_trained_on(tiny_house: Path) -> None:
    before = state().specs
    Path(tiny().paths.blend_receipt("phase2")).unlink()
    graph = state()
    assert graph.specs == before
    assert [(node.kind, node.name) for node in graph.nodes if node.absent or node.changed] == [("blend", "phase2")]


def test_a_moved_share_makes_what_reads_the_blend_certain(tiny_house: Path) -> None:
    graph = state({"phases.phase2.mixture.tiny-math": 40})
    settle(graph.nodes, [])
    assert graph.node("segment", "phase2/anneal").runs == WILL
    assert graph.node("segment", "phase1/decay").runs == NO
    assert (graph.node("cache", "phase2").runs, graph.node("cache", "long_context").runs) == (WILL, IF)


def test_shards_that_somebody_has_judged_are_not_judged_again(tiny_house: Path) -> None:
    fresh = {dataset: judge.judge_tokens(tiny(), dataset) for dataset in tiny().datasets}
    pin_again(tiny_house, "set-mm-01")
    assert not read_state(tiny(), fresh.__getitem__).node("tokens", MATH).changed


def test_the_shards_of_an_index_that_was_made_again_count_for_blends_by_its_content(tiny_house: Path) -> None:
    rewrite(tiny().paths.index(MATH), content="0" * 64)
    assert state().node("blend", "phase2").changed == {f"the index of {MATH} was made again": ["phase2"]}


def test_segments_of_frozen_phases_that_would_be_trained_are_refused_unless_thawed() -> None:
    request = tiny({"phases.phase1.frozen": True, "phases.phase2.frozen": True})
    certain = Node("segment", "phase1/stable", runs=WILL)
    perhaps = Node("segment", "phase1/decay", runs=IF)
    absent = Node("segment", "phase2/anneal", absent={NEW: ["phase2/anneal"]}, runs=IF)
    others = [Node("segment", "long_context/short", runs=WILL), Node("blend", "phase1", runs=WILL)]
    nodes = [certain, perhaps, absent, *others]
    assert refusals(nodes, request, []) == {certain: WILL, perhaps: IF, absent: WILL}
    assert refusals(nodes, request, ["phase1"]) == {absent: WILL}
    assert refusals([Node("segment", "phase1/stable")], request, []) == {}, "it stays as it is"


def test_stale_shards_are_bundled_where_there_are_many(bare: Path) -> None:
    shard = pinned_shards(bare, MATH)[0]
    pin(bare, MATH, [replace(shard, name=f"s{number:03}") for number in range(100)])
    request = tiny()
    surveys = {dataset: judge.judge_tokens(request, dataset) for dataset in request.datasets}
    lists = bundles(request, surveys, 1000)
    assert {dataset for dataset, each in lists.items() if each} == {MATH}, "the others have three each"
    assert (lists[MATH][0].begin, lists[MATH][-1].end) == (0, 100)
    assert all(one.end == other.begin for one, other in zip(lists[MATH], lists[MATH][1:], strict=False))
    assert bundles(request, surveys, 1)[MATH][0].end == 100
    assert bundles(request, surveys, 0) == {dataset: [] for dataset in surveys}


def test_short_sets_are_known_of_phases_whose_indexes_all_stay(tiny_house: Path) -> None:
    few_validation_tokens(MATH, 128)
    short = shortage(tiny(), "phase1", lambda _: True)
    assert short is not None
    assert (short.train, short.valid) == ({}, {128: {MATH: 128}})
    assert shortage(tiny(), "phase1", lambda dataset: dataset != MATH) is None
    Path(tiny().paths.index(MATH)).unlink()
    assert shortage(tiny(CAPPED), "phase1", lambda _: True) is None, "nobody knows its share"


def test_a_dataset_without_a_share_may_be_short(tiny_house: Path) -> None:
    few_validation_tokens("tiny-spanish", 0)
    edits = {"phases.phase1.mixture": {MATH: 50, "tiny-code": 50}}
    short = shortage(tiny(edits), "phase1", lambda _: True)
    assert short is not None
    assert short.valid == {}
    assert shortage(tiny(), "phase1", lambda _: True).valid == {128: {"tiny-spanish": 0}}  # type: ignore[union-attr]
