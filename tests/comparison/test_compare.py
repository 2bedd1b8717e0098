"""Two trainings side by side, whatever they are: what differs, and nothing else."""

import os
import re
import shutil
from pathlib import Path

import pytest

from nano3.comparison.compare import CompareError, compare, receipt_of
from nano3.comparison.text import as_text
from tests.comparison.conftest import (
    FIRST,
    edited,
    found,
    loss_of,
    segment_receipts,
    shard_receipts,
    take_another_tokenizer,
)
from tests.receipts import CHECKPOINTS, EXPORT, TOKENS

pytestmark = pytest.mark.usefixtures("house")


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


def test_shards_of_another_tokenizer_are_the_same_if_their_rows_are() -> None:
    take_another_tokenizer()
    with edited(TOKENS / "code/index.json") as receipt:
        receipt["facts"]["tokens"] = 99_000
    with edited(shard_receipts(TOKENS, "web")[1]) as receipt:
        receipt["key"]["sha256"] = "7" * 64
    text = found()
    assert "code     3       60,000 -> 99,000  the same shards, other tokens" in text
    assert "1 changed (shard_0001)" in next(line for line in text.splitlines() if line.startswith("  web"))


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("tinny", "tinny: no receipt, and no recipe with a trained segment: did you mean tiny?"),
        ("other", "other: no receipt, and no recipe with a trained segment: there are tiny"),
        (
            "config/recipes/other.yaml",
            "config/recipes/other.yaml: no receipt, and no recipe with a trained segment: there",
        ),
        (
            "results/nothing.json",
            "results/nothing.json: no receipt, and no recipe with a trained segment: there are tiny",
        ),
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


def test_tokens_that_nobody_knows_are_not_called_another_tokenizer() -> None:
    for folder in ("tokens", "blends", "reports"):
        shutil.rmtree(f"results/{folder}")
    comparison = compare(FIRST, "tiny")
    assert comparison.tokenizer == ()
    assert {*comparison.incomparable.values()} == {"its validation documents are no longer known"}
    assert [data.lost for data in comparison.data] == [("B",), ("B",)]
