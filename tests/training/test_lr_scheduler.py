"""The learning rate is Megatron-Core's, at a token."""

import math
from typing import Any

import pytest
import torch

from nano3.artifact.steps import Spec
from nano3.training.lr_scheduler import set_rate
from tests.receipts import SPEC


@pytest.mark.parametrize(
    ("token", "expected"),
    [(0, 0.0), (50, 0.5), (100, 1.0), (499, 1.0), (500, 1.0), (550, 0.1 + 0.9 * (1 - math.sqrt(0.5))), (600, 0.1)],
)
def test_the_learning_rate_is_warm_up_stable_decay(token: int, expected: float) -> None:
    rate: dict[str, Any] = {"peak": 1.0, "warmup_tokens": 100}
    decay = {"from_token": 500, "tokens": 100, "floor": 0.1, "style": "minus_sqrt"}
    optimizer = torch.optim.AdamW([{"params": [torch.zeros(1, requires_grad=True)], "wd_mult": 1.0}])

    def spec(rate: dict[str, Any]) -> Spec:
        return {**SPEC, "learning_rate": rate, "optimizer": {"weight_decay": 0.1}}

    assert set_rate(optimizer, spec(rate | {"decay": decay}), token) == pytest.approx(expected)
    if token <= 500:  # a segment that ends before the decay knows nothing of it and does the same
        assert set_rate(optimizer, spec(rate), token) == pytest.approx(expected)
    assert set_rate(optimizer, spec({"constant": 0.3}), token) == 0.3
