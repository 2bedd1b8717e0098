"""What a training was made from is told from what is left of it; nothing is asked to be made again."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from nano3.artifact.receipt import ReceiptError
from nano3.comparison.compare import compare
from nano3.comparison.snapshot import Snapshot
from tests.lineage import build
from tests.receipts import BLENDS, CHECKPOINTS, EXPORT, REPORT, TOKENS, dataset_index

TABLE = REPORT / "lineage.shards.tsv"
NAMES = ["shard_0000", "shard_0001"]


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build(["web", "code"], shards=2)


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def gain_a_shard() -> None:
    """As if another recipe had needed it."""
    dataset_index("code", 1, shards=3)
    change(TOKENS / "code/index.json", content="6" * 64)


def test_a_training_that_nothing_has_changed_under_has_no_notes() -> None:
    snapshot = Snapshot.of(EXPORT)
    assert snapshot.notes == ()
    assert next(iter(snapshot.segments)) == "phase1/stable"
    assert {name: sorted(each.shards or ()) for name, each in snapshot.datasets.items()} == {
        "code": NAMES,
        "web": NAMES,
    }
    assert (snapshot.tokens, snapshot.tokenizer_name) == ("tiny", "tiny")


def test_a_dataset_that_gained_a_shard_since_is_told_by_the_lineage() -> None:
    before = Snapshot.of(EXPORT).datasets["code"]
    gain_a_shard()
    snapshot = Snapshot.of(EXPORT)
    code = snapshot.datasets["code"]
    assert snapshot.notes == (f"code has changed since: its 2 shards at that time are listed in {TABLE}",)
    assert (code.shards, code.tokens, code.validation) == (before.shards, before.tokens, before.validation)
    assert code.index is None


def test_without_a_lineage_the_blend_tells_the_shards() -> None:
    before = Snapshot.of(EXPORT).datasets["code"]
    TABLE.unlink()
    gain_a_shard()
    snapshot = Snapshot.of(EXPORT)
    told_by = BLENDS / "long_context/blend.json"
    assert snapshot.notes == (f"code has changed since: its 2 shards at that time are listed in {told_by}",)
    assert snapshot.datasets["code"].shards == before.shards
    change(TOKENS / "code/train/shard_0001.json", content="9" * 64, facts={})
    assert Snapshot.of(EXPORT).notes == ("code has changed since: its shards are lost",)


def test_the_lineage_of_another_training_tells_nothing() -> None:
    change(REPORT / "lineage.receipt.json", inputs=[{"kind": "receipt", "path": str(EXPORT), "digest": "0" * 64}])
    gain_a_shard()
    assert Snapshot.of(EXPORT).notes == (
        f"code has changed since: its 2 shards at that time are listed in {BLENDS / 'long_context/blend.json'}",
    )


def test_a_training_without_an_export_is_told_by_its_last_segment() -> None:
    gain_a_shard()
    snapshot = Snapshot.of(CHECKPOINTS / "long_context/long_2/receipt.json")
    assert snapshot.notes == (f"code has changed since: its 2 shards at that time are listed in {TABLE}",)


def test_a_pair_that_was_made_again_leaves_validation_documents_unknown() -> None:
    gain_a_shard()
    change(TOKENS / "code/train/shard_0001.json", content="9" * 64)
    code = Snapshot.of(EXPORT).datasets["code"]
    assert sorted(code.shards or ()) == NAMES
    assert (code.receipts, code.raw, code.validation) == (None, None, None)


def test_a_blend_or_a_segment_that_was_made_again_is_noted() -> None:
    change(BLENDS / "phase2/blend.receipt.json", content="8" * 64)
    segment = CHECKPOINTS / "phase1/decay/receipt.json"
    change(segment, content="7" * 64)
    snapshot = Snapshot.of(EXPORT)
    later = CHECKPOINTS / "phase2/anneal/receipt.json"
    assert set(snapshot.notes) == {
        f"{BLENDS / 'phase2/blend.receipt.json'} was made again since",
        f"{segment} was trained again since {later} was made: the newer one is compared",
    }
    assert list(snapshot.datasets) == ["code", "web"], "other phases tell them"
    assert len(snapshot.segments) == 6


def test_what_was_deleted_is_noted_and_the_rest_is_told() -> None:
    shutil.rmtree(TOKENS)
    shutil.rmtree(BLENDS)
    snapshot = Snapshot.of(EXPORT)
    assert sum("is gone or damaged" in note for note in snapshot.notes) == 3
    assert len(snapshot.segments) == 6
    assert {*snapshot.datasets} == set()
    assert compare("tiny", "tiny").losses[0].segment == "phase1/stable"


def test_what_is_no_receipt_at_all_is_an_error() -> None:
    with pytest.raises(ReceiptError, match="no such receipt"):
        Snapshot.of(Path("nothing.json"))


@pytest.mark.parametrize(
    ("folder", "name"),
    [("tiny-db71287418eb", "tiny"), ("my-own-025d515801a6-sample60", "my-own"), ("tiny", "tiny"), ("", "")],
)
def test_a_tokenizer_goes_by_its_name_in_the_folder_of_tokens(folder: str, name: str) -> None:
    assert replace(Snapshot.of(EXPORT), tokens=folder).tokenizer_name == name
