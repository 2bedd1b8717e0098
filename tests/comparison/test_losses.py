"""Losses are compared on the same documents, and across tokenizers in bits per byte; else it is said why not."""

import json
import math
from pathlib import Path

import pytest

from nano3.comparison.compare import compare
from nano3.comparison.text import as_text
from tests.comparison.conftest import (
    FIRST,
    TOKENS_BEFORE,
    count_bytes,
    edited,
    found,
    loss_of,
    shard_receipts,
    take_another_tokenizer,
)
from tests.lineage import BEFORE
from tests.receipts import CHECKPOINTS, TOKENS

pytestmark = pytest.mark.usefixtures("house")


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


def test_bytes_that_no_receipt_says_are_told() -> None:
    take_another_tokenizer()
    comparison = compare(FIRST, "tiny")
    assert set(comparison.incomparable.values()) == {
        "other tokenizer, and no receipt says the bytes of its validation texts"
    }
    assert all(each.validation == (None, None) for each in comparison.losses)
