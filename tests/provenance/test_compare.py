"""Two trainings side by side: what differs, and nothing else."""

import json
import os
import re
from pathlib import Path

import pytest

from nano3.provenance.compare import CompareError, compare, receipt_of
from nano3.report.comparison import as_text
from tests.lineage import BEFORE, build_twice
from tests.receipts import CHECKPOINTS, EXPORT


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build_twice(["web", "code"], shards=3)


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def found() -> str:
    return as_text(compare(str(BEFORE / EXPORT.relative_to("results")), "tiny"))


def test_the_same_training_made_again_differs_in_nothing() -> None:
    assert re.findall(r"(\w+): the same", found()) == ["Data", "Mixture", "Code", "Settings"]


def test_shards_that_came_went_and_changed_are_counted_and_named() -> None:
    index = Path("results/tokens/tiny/code/index.json")
    receipt = json.loads(index.read_text())
    receipt["inputs"][0]["digest"] = "0" * 64
    receipt["inputs"][1]["path"] = "results/tokens/tiny/code/train/new.json"
    receipt["inputs"] += [{"kind": "receipt", "path": "results/tokens/tiny/code/train/more.json", "digest": "1" * 64}]
    receipt["facts"]["tokens"] = 70_000
    index.write_text(json.dumps(receipt))
    [data] = compare(str(BEFORE / EXPORT.relative_to("results")), "tiny").data
    assert (data.dataset, data.added, data.removed, data.changed) == ("code", 2, 1, 1)
    assert data.names == {"added": ("new", "more"), "removed": ("shard_0001",), "changed": ("shard_0000",)}
    assert "code     3 -> 4  60,000 -> 70,000  2 added (new, more); 1 removed (shard_0001); 1 changed" in found()


def test_a_setting_is_named_once_with_all_segments_that_have_it() -> None:
    for segment in ("stable", "decay"):
        edit(CHECKPOINTS / "phase1" / segment / "receipt.json", '"global_batch_size": 8', '"global_batch_size": 16')
    assert "batch.global_batch_size  8 -> 16  phase1/stable, phase1/decay" in found()


def test_held_out_losses_are_means_over_the_sets_that_both_trainings_measured() -> None:
    path = CHECKPOINTS / "phase1/stable/receipt.json"
    receipt = json.loads(path.read_text())
    after = receipt["facts"]["validation"]["after"]
    del after["code"]
    path.write_text(json.dumps(receipt))
    before = str(BEFORE / EXPORT.relative_to("results"))
    [loss] = [each for each in compare(before, "tiny").losses if each.segment == "phase1/stable"]
    assert loss.validation == (after["web"], after["web"])
    after.clear()
    path.write_text(json.dumps(receipt))
    [loss] = [each for each in compare(before, "tiny").losses if each.segment == "phase1/stable"]
    assert loss.validation == (None, None)


def test_a_name_of_nothing_is_an_error_that_knows_names() -> None:
    with pytest.raises(CompareError, match=r"tinny: no receipt, and no recipe with a checkpoint: there are tiny"):
        compare("tinny", "tiny")


def test_a_training_is_its_last_segment_whatever_was_written_last() -> None:
    assert receipt_of("tiny") == EXPORT
    EXPORT.unlink()
    os.utime(CHECKPOINTS / "phase1/stable/receipt.json")
    assert receipt_of("tiny") == CHECKPOINTS / "long_context/long_2/receipt.json"
