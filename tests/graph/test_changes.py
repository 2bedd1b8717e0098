"""
Whatever changes, alone or with something else, the plan lists the jobs that Snakemake lists, and they are enough.

The houses are such as a finished run leaves, see tests.built, and Snakemake is the real one, on a dry run. What a run
then does with them is held by test_plan_agrees.py and test_rebuilds.py, on houses that were really built.
"""

import itertools
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from nano3.config.load import Settings, load_recipe
from nano3.graph.nodes import Certainty
from nano3.graph.request import Request
from nano3.plan.plan import Plan, make_plan
from nano3.raw.datasets import Shard, write_pins
from tests.built import copy_catalogue, corpus, everything
from tests.graph.changes import CACHE_FAULTS, CHANGES, DATASETS, FAULTS, RECIPE, edited
from tests.graph.conftest import few_validation_tokens, tiny
from tests.graph.dry_run import RULES, RefusedError, dry_run

pytestmark = pytest.mark.slow

EVERY = CHANGES | FAULTS
PAIRS = [*itertools.combinations(CHANGES, 2), *itertools.product(CHANGES, FAULTS)]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A house in which recipe tiny is built. Tests edit copies."""
    root = copy_catalogue(tmp_path_factory.mktemp("finished"))
    with pytest.MonkeyPatch.context() as here:
        here.chdir(root)
        everything(Request.of(*load_recipe("tiny")))
    return root


@pytest.fixture
def house(finished: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    root = tmp_path / "house"
    shutil.copytree(finished, root)
    monkeypatch.chdir(root)
    yield root
    shutil.rmtree(root)


def plan(**settings: Any) -> Plan:
    return make_plan(Settings(recipe="tiny", **settings), {}, [])


def jobs(made: Plan) -> dict[str, int]:
    """Jobs of each rule that a plan lists, certain or not."""
    counts = {RULES[kind]: each.will + each.conditional for kind, each in made.counts.items()}
    return {rule: count for rule, count in counts.items() if count}


def config(settings: Mapping[str, Any]) -> list[str]:
    return ["--config", *(f"{name}={value}" for name, value in settings.items())] if settings else []


def agree(house: Path, **settings: Any) -> None:
    """Plan and Snakemake list the same, or both refuse it."""
    planned = plan(**settings)
    if Certainty.WILL in planned.refused.values():
        with pytest.raises(RefusedError, match="is frozen, but"):
            dry_run(house, *config(settings))
    else:
        assert jobs(planned) == dry_run(house, *config(settings))


@pytest.mark.parametrize("change", EVERY)
def test_a_change_is_planned_as_snakemake_does(house: Path, change: str) -> None:
    EVERY[change](house)
    agree(house)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_two_changes_are_planned_as_snakemake_does(house: Path, one: str, other: str) -> None:
    EVERY[other](house)  # faults first: a changed recipe's artifacts lie where they lay
    EVERY[one](house)
    agree(house)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("other", [None, "changed_share", "deleted_segment"])
def test_what_comes_back_after_a_run_that_stopped_at_the_blends(house: Path, change: str, other: str | None) -> None:
    """Blends of the change are there, what was trained is from before it, and now the change is taken back."""
    config = {path: path.read_bytes() for path in (house / "config").rglob("*.*")}
    CHANGES[change](house)
    corpus(Request.of(*load_recipe("tiny")))
    agree(house)
    for path, content in config.items():
        path.write_bytes(content)
    if other:
        EVERY[other](house)
    agree(house)
    assert not [node.name for node in plan().nodes if node.kind == "tokens" and node.runs and change != "changed_shard"]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("settings", [{"sample": 20}, {"bundles": 0}, {"prune": "false"}], ids=str)
def test_a_change_is_planned_alike_with_other_settings(house: Path, change: str, settings: dict[str, Any]) -> None:
    if "sample" in settings:
        everything(Request.of(*load_recipe("tiny", sample=settings["sample"])))
    CHANGES[change](house)
    agree(house, **settings)


@pytest.mark.parametrize("change", CHANGES | FAULTS)
@pytest.mark.parametrize("phases", [("phase1",), ("long_context",), ("phase1", "phase2")], ids="+".join)
def test_a_change_beside_frozen_phases_is_planned_or_refused_alike(
    house: Path, change: str, phases: tuple[str, ...]
) -> None:
    for phase in phases:
        edited(house, RECIPE, f"\n  {phase}:", f"\n  {phase}:\n    frozen: true\n    #")
    EVERY[change](house)
    agree(house)
    agree(house, thaw=phases[0])


def test_a_validation_set_that_is_too_short_stops_only_runs_that_blend_or_train(house: Path) -> None:
    few_validation_tokens("tiny-code", 500)
    said = "phase long_context: validation sets are shorter than one sample"
    assert dry_run(house) == {}, "all is trained"
    Path(tiny().paths.segment("long_context", "long_2")).unlink()
    assert dry_run(house, "--until", "write_blend") == dry_run(house, "--until", "index_dataset") == {}
    with pytest.raises(RefusedError, match=said):
        dry_run(house)
    Path(tiny().paths.blend("long_context")).unlink()
    assert dry_run(house, "--until", "index_dataset") == {}
    for arguments in (("--until", "write_blend"), ()):
        with pytest.raises(RefusedError, match=said):
            dry_run(house, *arguments)


@pytest.mark.parametrize("change", CACHE_FAULTS)
@pytest.mark.parametrize("beside", [None, *CHANGES])
def test_a_dry_run_lists_what_may_follow_an_index_cache(house: Path, change: str, beside: str | None) -> None:
    CACHE_FAULTS[change](house)
    if beside:
        CHANGES[beside](house)
    planned, listed = jobs(plan()), dry_run(house)
    assert all(listed[rule] >= count for rule, count in planned.items())
    early = ("tokenize_shard", "index_dataset", "write_blend")
    assert {rule: planned.get(rule) for rule in early} == {rule: listed.get(rule) for rule in early}


@pytest.mark.parametrize("bundles", [0, 10, 1000])
@pytest.mark.parametrize("change", [None, *CHANGES])
def test_many_new_shards_are_bundled_alike(house: Path, change: str | None, bundles: int) -> None:
    text = (house / DATASETS / "tiny-math.yaml").read_text(encoding="utf-8")
    (house / DATASETS / "many.yaml").write_text(text, encoding="utf-8")
    shards = [Shard(f"part-{n:02}", f"part-{n:02}.jsonl.gz", 10**8 * (n % 3 + 1), 1, f"{n:064}") for n in range(40)]
    for shard in shards:
        (house / shard.path).touch()
    write_pins(house / DATASETS / "many.tsv", shards)
    edited(house, RECIPE, "tiny-math: 15", "tiny-math: 15\n      many: 1")
    if change:
        CHANGES[change](house)
    planned, listed = plan(bundles=bundles), dry_run(house, "--config", f"bundles={bundles}")
    assert planned.jobs == listed.pop("tokenize_shard", 0) + listed.pop("tokenize_bundle", 0)
    assert {rule: count for rule, count in jobs(planned).items() if rule != "tokenize_shard"} == listed
    assert (planned.jobs >= 40) == (bundles == 0)
