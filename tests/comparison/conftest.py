"""Two trainings that are the same, and what tests change in the second."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from nano3.comparison.compare import Comparison, compare
from nano3.comparison.losses import Loss
from nano3.comparison.text import as_text
from tests.lineage import BEFORE, build_twice
from tests.receipts import CHECKPOINTS, EXPORT, TOKENS

FIRST = str(BEFORE / EXPORT.relative_to("results"))
TOKENS_BEFORE = BEFORE / TOKENS.relative_to("results")


@pytest.fixture
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A training in BEFORE, and the same made again in results."""
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
