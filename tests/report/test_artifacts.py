"""The report's table of artifacts, and when, where and with what they were made."""

import json
from pathlib import Path

import pytest

from nano3.artifact.receipt import Output
from nano3.report.artifacts import circumstances, rows
from tests.receipts import EXPORT, LINEAGE, PHASES
from tests.report.conftest import read_story


def test_artifacts_come_in_the_order_they_are_made_in(house: Path) -> None:
    table = rows(read_story())
    segments = [f"{phase}/{row[0]}" for phase in PHASES for row in PHASES[phase]]
    assert [row.name for row in table] == ["maths", "code", "web", *PHASES, *segments, "Hugging Face"]
    kinds = list(dict.fromkeys(row.kind for row in table))
    assert kinds == ["dataset index", "blend", "checkpoint", "export"]
    assert table[-1].path == str(EXPORT)
    assert table[-1].bytes == Output.of(EXPORT.parent / "model/model.safetensors").bytes
    assert table[0].holds == "2 shards, 60k tokens"
    assert len({row.anchor for row in table}) == len(table)


def test_circumstances_are_those_of_all_artifacts_and_of_every_shard(house: Path) -> None:
    story = read_story()
    software = json.loads(LINEAGE.read_text())["agent"].values()
    about = circumstances(story, software)
    assert about["artifacts"] == 6 + 3 + 3 + 6 + 1  # shards, indexes, blends, segments, export
    runs = [receipt.run for receipt in story.receipts.values()]
    shards = sum(dataset.fold.seconds for dataset in story.datasets)
    assert about["seconds"] == pytest.approx(sum(run.seconds for run in runs) + shards)
    assert about["started"] == min(dataset.fold.started for dataset in story.datasets)
    assert {"numpy", "pyarrow"} <= about["packages"].keys(), "pyarrow made shards alone"


def test_every_version_that_occurs_is_listed_once_and_changed_code_is_marked(house: Path) -> None:
    software = [
        {"nano3:version": ["numpy 1.9", "torch 2.0"], "nano3:commit": "abc", "nano3:dirty": True},
        {"nano3:version": ["numpy 1.10"], "nano3:commit": "def", "nano3:dirty": False},
        {"nano3:version": ["numpy 1.9"], "nano3:commit": "def", "nano3:dirty": False, "nano3:container": "image"},
    ]
    about = circumstances(read_story(), software)
    assert about["packages"] == {"numpy": ["1.10", "1.9"], "torch": ["2.0"]}
    assert (about["commits"], about["containers"]) == (["abc+", "def"], ["image"])
