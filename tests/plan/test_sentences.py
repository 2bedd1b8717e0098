"""A cause and its effects are one sentence."""

from pathlib import Path

from nano3.config.load import load_recipe
from nano3.graph.nodes import Cause, Certainty, Node
from nano3.graph.request import Request
from nano3.plan.sentences import sentence
from nano3.plan.text import sentences
from tests.plan.conftest import RECIPE, edit, pin_again, plan, runs


def test_one_reason_for_many_datasets_is_one_sentence(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01", "set-mm-00")
    pin_again("tiny-code", "shard_0002")
    [said] = sentences(plan())
    assert said.startswith("3 shards of 2 datasets (tiny-code 1, tiny-math 2): raw bytes changed; their indexes and ")


def test_reasons_that_differ_are_told_apart(house: Path) -> None:
    pin_again("tiny-math", "set-mm-01")
    request = Request.of(*load_recipe("tiny"))
    (request.tokens("tiny-math") / "train/set-mm-00.bin").write_bytes(b"short")
    edit(RECIPE, "floor: 3.0e-5", "floor: 2.0e-5")
    said = sentences(plan())
    assert [each.split("; ")[0] for each in said] == [
        "1 shard of tiny-math (set-mm-00): training .bin has another size than was written",
        "1 shard of tiny-math (set-mm-01): raw bytes changed",
        "phase1/decay and phase2/anneal: learning_rate.decay.floor: 3e-05 is now 2e-05",
    ]
    caches = [f"cache:{phase}" for phase in ("phase1", "phase2", "long_context")]
    assert runs(plan())["IF"] == [*caches, "segment:phase1/stable"]


def test_of_many_datasets_the_first_are_named() -> None:
    nodes = tuple(Node("tokens", f"corpus-{number}") for number in range(7))
    names = {node.name: ["a", "b"] for node in nodes}
    assert sentence(Cause("tokens", "code changed", nodes, names, {}), nodes) == (
        "14 shards of 7 datasets (corpus-0 2, corpus-1 2, corpus-2 2, corpus-3 2, corpus-4 2, 2 more): code changed"
    )


def test_only_what_was_there_is_made_again() -> None:
    export, lineage, report = nodes = [Node(kind, "tiny") for kind in ("export", "lineage", "report")]
    follows = dict.fromkeys(nodes[1:], Certainty.WILL)
    cause = Cause("export", "export code changed", (export,), {"tiny": ["tiny"]}, follows)
    assert sentence(cause, nodes) == (
        "the export: export code changed; then the lineage and the report will be made again"
    )
    for node in (lineage, report):
        node.absent = {"not made yet": ["tiny"]}
    assert sentence(cause, nodes).endswith("; then the lineage and the report will be made")
