"""Two trainings side by side: what differs, and nothing else."""

import json
import os
import re
import shutil
from pathlib import Path

import pytest

from nano3.provenance.compare import CompareError, compare, receipt_of
from nano3.report.comparison import as_text, write_comparison
from tests.lineage import build
from tests.receipts import CHECKPOINTS, EXPORT

BEFORE = Path("before")


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training, and another one on other data whose receipts point at each other as the first's do."""
    monkeypatch.chdir(tmp_path)
    build(["web", "code"], shards=3)
    shutil.move("results", BEFORE)
    for path in BEFORE.rglob("*.json"):
        path.write_text(path.read_text().replace('"results/', f'"{BEFORE}/'))
    build(["web", "code"], shards=3)


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


def test_shares_code_and_losses_are_told() -> None:
    receipt = CHECKPOINTS / "phase2/anneal/receipt.json"
    own = json.loads(receipt.read_text())
    own["facts"]["mixture"]["target"] = {"web": 0.5, "code": 0.5}
    own["facts"]["loss"]["last"] = 1.0
    receipt.write_text(json.dumps(own))
    index = Path("results/tokens/tiny/web/index.json")
    made = json.loads(index.read_text())
    made["run"]["git"] = {"commit": "0123", "dirty": True}
    index.write_text(json.dumps(made))
    text = found().replace("\N{NARROW NO-BREAK SPACE}", " ")
    assert "phase2  code     66.7 % -> 50.0 %" in text
    assert "git" in text
    assert "-> 1.000" in next(line for line in text.splitlines() if "phase2/anneal" in line and "->" in line)


def test_a_page_asks_no_network_and_says_the_same(tmp_path: Path) -> None:
    write_comparison(compare("tiny", "tiny"), tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert not re.search(r"https?://|<script|<link|@import", html)
    assert html.count("<p>The same.</p>") == 4
    assert "->" not in html
    assert 'class="same">same<' in html


def test_a_name_of_nothing_is_an_error_that_knows_names() -> None:
    with pytest.raises(CompareError, match=r"tinny: no receipt, and no recipe with a checkpoint: there are tiny"):
        compare("tinny", "tiny")


def test_a_training_is_its_last_segment_whatever_was_written_last() -> None:
    assert receipt_of("tiny") == EXPORT
    EXPORT.unlink()
    os.utime(CHECKPOINTS / "phase1/stable/receipt.json")
    assert receipt_of("tiny") == CHECKPOINTS / "long_context/long_2/receipt.json"
