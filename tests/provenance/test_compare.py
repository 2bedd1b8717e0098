"""Two trainings side by side, whatever they are: what differs, and nothing else."""

import json
import math
import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nano3.provenance.compare import CompareError, Comparison, Loss, compare, receipt_of
from nano3.report.comparison import as_text
from tests.lineage import BEFORE, build_twice
from tests.receipts import CHECKPOINTS, EXPORT, TOKENS

FIRST = str(BEFORE / EXPORT.relative_to("results"))
TOKENS_BEFORE = BEFORE / TOKENS.relative_to("results")


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build_twice(["web", "code"], shards=3)


@contextmanager
def edited(path: Path) -> Iterator[dict[str, Any]]:
    """A receipt, to change."""
    receipt = json.loads(path.read_text())
    yield receipt
    path.write_text(json.dumps(receipt))


def segment_receipts() -> list[Path]:
    return sorted(CHECKPOINTS.glob("*/*/receipt.json"))


def shard_receipts(tokens: Path, dataset: str) -> list[Path]:
    return sorted((tokens / dataset / "train").glob("*.json"))


def count_bytes(tokens: Path, dataset: str, each: int | None) -> None:
    """Have a dataset's three shards say the bytes of their validation texts."""
    for path in shard_receipts(tokens, dataset):
        with edited(path) as receipt:
            receipt["facts"]["valid_bytes"] = each


def take_another_tokenizer() -> None:
    """The second training's tokens are another tokenizer's."""
    for dataset in ("web", "code"):
        for path in shard_receipts(TOKENS, dataset):
            with edited(path) as receipt:
                receipt["key"]["tokenizer"] = {"sha256": "2" * 64}


def found() -> str:
    return as_text(compare(FIRST, "tiny"))


def loss_of(comparison: Comparison, segment: str) -> Loss:
    return next(each for each in comparison.losses if each.segment == segment)


def test_the_same_training_made_again_differs_in_nothing() -> None:
    assert re.findall(r"(\w+): the same", found()) == ["Data", "Mixture", "Code", "Settings"]
    assert "not compared" not in found()


def test_shards_that_came_went_and_changed_are_counted_and_named() -> None:
    with edited(TOKENS / "code/index.json") as receipt:
        receipt["inputs"][0]["digest"] = "0" * 64
        receipt["inputs"][1]["path"] = "results/tokens/tiny/code/train/new.json"
        more = {"kind": "receipt", "path": "results/tokens/tiny/code/train/more.json", "digest": "1" * 64}
        receipt["inputs"] += [more]
        receipt["facts"]["tokens"] = 70_000
    [data] = compare(FIRST, "tiny").data
    assert (data.dataset, data.added, data.removed, data.changed) == ("code", 2, 1, 1)
    assert data.names == {"added": ("new", "more"), "removed": ("shard_0001",), "changed": ("shard_0000",)}
    assert "code     3 -> 4  60,000 -> 70,000  2 added (new, more); 1 removed (shard_0001); 1 changed" in found()


def test_a_setting_is_named_once_with_all_segments_that_have_it() -> None:
    for segment in ("stable", "decay"):
        with edited(CHECKPOINTS / "phase1" / segment / "receipt.json") as receipt:
            receipt["key"]["batch"]["global_batch_size"] = 16
    assert "batch.global_batch_size  8 -> 16  phase1/stable, phase1/decay" in found()


def test_a_section_on_one_side_alone_is_told_value_by_value() -> None:
    with edited(CHECKPOINTS / "phase2/anneal/receipt.json") as receipt:
        receipt["key"]["learning_rate"] = {"decay": {"style": "linear", "tokens": 5}}
    changes = {each.key: each.values for each in compare(FIRST, "tiny").settings}
    assert changes == {"learning_rate.decay.style": (None, "linear"), "learning_rate.decay.tokens": (None, 5)}


def test_a_commit_and_a_version_are_told_in_words() -> None:
    with edited(TOKENS / "web/index.json") as receipt:
        receipt["run"]["git"] = {"commit": "0123456789abcdef", "dirty": True}
        receipt["run"]["packages"] = {"numpy": "9.9"}
    changes = {each.key: each.values for each in compare(FIRST, "tiny").code}
    assert "0123456789ab with uncommitted changes" in changes["git"][1].split(" and ")
    assert "9.9" in changes["packages.numpy"][1].split(" and ")
    assert "{" not in found()


def test_segments_of_one_training_alone_are_told_with_their_losses() -> None:
    for path in segment_receipts():
        if "phase1" in path.parts:
            with edited(path) as receipt:
                receipt["facts"]["phase"] = "start"
    comparison = compare(FIRST, "tiny")
    assert loss_of(comparison, "phase1/stable").validation[1] is None
    assert loss_of(comparison, "start/stable").validation[0] is None
    [there, missing] = [each for each in comparison.settings if each.key == "segment"]
    assert (there.values, there.where) == (("trained", "not there"), ("phase1/stable", "phase1/decay"))
    assert (missing.values, missing.where) == (("not there", "trained"), ("start/stable", "start/decay"))
    shares = {(each.phase, each.dataset): each.target for each in comparison.mixture}
    assert shares["phase1", "web"][1] is None
    assert shares["start", "web"][0] is None


def test_trainings_without_a_segment_in_common_are_compared_by_their_ends() -> None:
    for path in segment_receipts():
        with edited(path) as receipt:
            receipt["facts"]["phase"] = f"own_{receipt['facts']['phase']}"
            receipt["key"]["seed"] = 7
    comparison = compare(FIRST, "tiny")
    ends = "long_context/long_2 and own_long_context/long_2"
    assert {(each.key, each.values, each.where) for each in comparison.settings if each.key == "seed"} == {
        ("seed", (1, 7), (ends,))
    }
    last = loss_of(comparison, ends)
    assert last.validation[0] == last.validation[1] is not None
    assert last.datasets == ("code", "web")


def test_validation_losses_are_means_over_the_sets_that_both_trainings_measured() -> None:
    with edited(CHECKPOINTS / "phase1/stable/receipt.json") as receipt:
        after = receipt["facts"]["validation"]["after"]
        del after["code"]
    loss = loss_of(compare(FIRST, "tiny"), "phase1/stable")
    assert loss.validation == (after["web"], after["web"])
    assert loss.datasets == ("web",)
    with edited(CHECKPOINTS / "phase1/stable/receipt.json") as receipt:
        receipt["facts"]["validation"]["after"] = {}
    loss = loss_of(compare(FIRST, "tiny"), "phase1/stable")
    assert loss.validation == (None, None)
    assert "not comparable" in next(line for line in found().splitlines() if line.startswith("  phase1/stable"))


def test_losses_on_other_documents_are_not_compared() -> None:
    """As a sample's are with those of the whole."""
    for path in shard_receipts(TOKENS, "code"):
        with edited(path) as receipt:
            receipt["facts"]["valid"] = [1, 2]
    with edited(TOKENS / "code/index.json") as receipt:
        receipt["content"], receipt["outputs"][0]["sha256"] = "5" * 64, "6" * 64
    for blend in Path("results/blends").rglob("blend.receipt.json"):
        with edited(blend) as receipt:
            receipt["inputs"][1]["digest"] = "5" * 64
    comparison = compare(FIRST, "tiny")
    assert comparison.incomparable == {"code": "other validation documents"}
    assert loss_of(comparison, "phase2/anneal").datasets == ("web",)
    assert "code is not compared: other validation documents." in found()


def test_losses_on_other_parts_of_a_set_are_not_compared() -> None:
    for folder, tokens in ((BEFORE / "checkpoints", 100), (Path("results/checkpoints"), 200)):
        for path in folder.glob("*/*/*/receipt.json"):
            with edited(path) as receipt:
                receipt["facts"]["evaluation_tokens"] = tokens
    comparison = compare(FIRST, "tiny")
    assert comparison.incomparable["web"] == "measured on 100 tokens in A, 200 in B"
    assert loss_of(comparison, "phase1/decay").validation == (None, None)
    for path in (*Path(BEFORE).rglob("index.json"), *Path("results").rglob("index.json")):
        with edited(path) as receipt:
            receipt["facts"]["valid"]["tokens"] = 100  # all of it was measured both times
    assert compare(FIRST, "tiny").incomparable == {}


def test_another_tokenizer_is_said_and_losses_are_bits_per_byte() -> None:
    take_another_tokenizer()
    for dataset in ("web", "code"):
        count_bytes(TOKENS_BEFORE, dataset, 400)  # of 300 tokens in 3 shards: 4 bytes a token
        count_bytes(TOKENS, dataset, 200)
    comparison = compare(FIRST, "tiny")
    assert [(each.key, each.values) for each in comparison.tokenizer] == [
        ("name", ("tiny", "tiny")),
        ("sha256", ("1" * 64, "2" * 64)),
    ]
    assert comparison.unit == "bits per byte"
    after = json.loads((CHECKPOINTS / "phase2/anneal/receipt.json").read_text())["facts"]["validation"]["after"]
    mean = sum(after.values()) / len(after)
    loss = loss_of(comparison, "phase2/anneal")
    assert loss.validation == pytest.approx((mean / math.log(2) / 4, mean / math.log(2) / 2))
    text = as_text(comparison)
    assert text.splitlines()[3] == (
        "Other tokenizer (sha256 111111111111 -> 222222222222): validation losses are compared in bits per"
    )
    assert "Last in training, per own token" in text
    assert "Validation, bits per byte" in text


def test_shards_of_another_tokenizer_are_the_same_if_their_rows_are() -> None:
    take_another_tokenizer()
    with edited(TOKENS / "code/index.json") as receipt:
        receipt["facts"]["tokens"] = 99_000
    with edited(shard_receipts(TOKENS, "web")[1]) as receipt:
        receipt["key"]["sha256"] = "7" * 64
    text = found()
    assert "code     3       60,000 -> 99,000  the same shards, other tokens" in text
    assert "1 changed (shard_0001)" in next(line for line in text.splitlines() if line.startswith("  web"))


def test_bytes_that_no_receipt_says_are_told() -> None:
    take_another_tokenizer()
    comparison = compare(FIRST, "tiny")
    assert set(comparison.incomparable.values()) == {
        "other tokenizer, and no receipt says the bytes of its validation texts"
    }
    assert all(each.validation == (None, None) for each in comparison.losses)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("tinny", "tinny: no receipt, and no recipe with a checkpoint: did you mean tiny?"),
        ("other", "other: no receipt, and no recipe with a checkpoint: there are tiny"),
        ("config/recipes/other.yaml", "config/recipes/other.yaml: no receipt, and no recipe with a checkpoint: there"),
        ("results/nothing.json", "results/nothing.json: no receipt, and no recipe with a checkpoint: there are tiny"),
        (str(TOKENS / "web/index.json"), "/index.json: a receipt of index_dataset: name that of an export or of a"),
    ],
)
def test_what_means_no_training_is_an_error_that_knows_names(word: str, said: str) -> None:
    with pytest.raises(CompareError) as refusal:
        compare(word, "tiny")
    assert said in str(refusal.value)


def test_a_training_whose_segments_are_gone_is_said_to_be() -> None:
    shutil.rmtree(CHECKPOINTS)
    with pytest.raises(CompareError, match=r"^tiny: the receipts of its segments are gone: name another training$"):
        compare(FIRST, "tiny")


def test_a_training_is_named_by_its_recipe_its_file_or_a_folder() -> None:
    segment = CHECKPOINTS / "phase1/stable"
    for word in ("tiny", "config/recipes/tiny.yaml", str(EXPORT), str(EXPORT.parent)):
        assert receipt_of(word) == EXPORT
    assert receipt_of(str(segment)) == segment / "receipt.json"


def test_a_training_is_its_last_segment_whatever_was_written_last() -> None:
    assert receipt_of("tiny") == EXPORT
    EXPORT.unlink()
    os.utime(CHECKPOINTS / "phase1/stable/receipt.json")
    assert receipt_of("tiny") == CHECKPOINTS / "long_context/long_2/receipt.json"


def test_tokens_that_were_deleted_cost_what_only_they_told() -> None:
    shutil.rmtree("results/tokens")
    shutil.rmtree("results/reports")
    comparison = compare(FIRST, "tiny")
    assert (comparison.data, comparison.incomparable) == ((), {}), "both blends say that the tokens were the same"
    assert [note.split(":")[0] for note in comparison.notes[1]] == [
        "the index of web is gone",
        "the index of code is gone",
    ]
    for blend in Path("results/blends").rglob("blend.receipt.json"):
        with edited(blend) as receipt:
            receipt["inputs"][1]["digest"] = "5" * 64
    comparison = compare(FIRST, "tiny")
    [data] = comparison.data
    assert (data.dataset, data.tokens, data.shards, data.lost) == ("code", (60_000, 60_000), (3, None), ("B",))
    assert comparison.incomparable == {"code": "its validation documents are no longer known"}
    assert "no receipt tells the shards of B any more" in as_text(comparison)
