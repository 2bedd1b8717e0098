"""A house with recipe tiny built and one without, and what tests of a plan change in them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nano3.config.load import Settings, load_recipe
from nano3.graph.nodes import Certainty
from nano3.graph.request import Request
from nano3.plan.plan import Plan, make_plan
from tests.built import copy_catalogue, everything

RECIPE = Path("config/recipes/tiny.yaml")


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The catalogue and recipe tiny, nothing built."""
    monkeypatch.chdir(tmp_path)
    return copy_catalogue(tmp_path)


@pytest.fixture
def house(bare: Path) -> Path:
    """The same with everything built."""
    everything(Request.of(*load_recipe("tiny")))
    return bare


def plan(*targets: str, jobs: int = 4, what_if: Mapping[str, Any] | None = None, **given: Any) -> Plan:
    return make_plan(Settings(recipe="tiny", **given), what_if or {}, targets, jobs)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def pin_again(dataset: str, *shards: str) -> None:
    """As if the raw bytes of shards were others."""
    path = Path(f"config/datasets/{dataset}.tsv")
    for name in shards:
        digest = next(line.split("\t")[4] for line in path.read_text().splitlines() if line.startswith(f"{name}\t"))
        edit(path, digest, digest[::-1])


def runs(found: Plan) -> dict[str, list[str]]:
    return {
        certainty.name: [f"{node.kind}:{node.name}" for node in found.nodes if node.runs == certainty]
        for certainty in (Certainty.WILL, Certainty.IF)
    }
