"""What decides a byte, and that nothing else is in the tokens' key."""

import pyarrow as pa
import pytest

from nano3.tokens.pipeline import TEST, TRAIN, VALID, splits_of


def test_duplicates_share_a_split_and_rates_are_met() -> None:
    holdout = {"valid": 0.2, "test": 0.1}
    texts = pa.array([f"document {number}" for number in range(5000)], type=pa.large_string())
    splits = splits_of(texts, holdout).tolist()
    assert splits[7:] == splits_of(texts[7:], holdout).tolist()
    assert splits.count(VALID) / 5000 == pytest.approx(0.2, abs=0.02)
    assert splits.count(TEST) / 5000 == pytest.approx(0.1, abs=0.02)
    wider = splits_of(texts, {"valid": 0.25, "test": 0.1}).tolist()
    assert all(after == VALID for before, after in zip(splits, wider, strict=True) if before == VALID)
    assert TRAIN in splits
