"""
The learning rate, as one function of the tokens trained on so far.

It is Megatron-Core's OptimizerParamScheduler with tokens for its steps, which training uses; a test holds the two to
each other. Source: megatron/core/optimizer_param_scheduler.py, `WSD` and `constant`.
"""

import math
from collections.abc import Mapping
from typing import Any


def learning_rate(curve: Mapping[str, Any], token: int) -> float:
    """
    The learning rate of the step that begins when `token` tokens have been trained on.

    curve: as a segment's spec has it: `constant`; or `peak`, `warmup_tokens` and, once it has begun, `decay` with
    `from_token`, `tokens`, `floor` and `style`.
    """
    if "constant" in curve:
        return float(curve["constant"])
    if token <= (warmup := curve["warmup_tokens"]) and warmup > 0:
        return float(curve["peak"] * token / warmup)
    decay = curve.get("decay")
    if decay is None or token <= decay["from_token"]:
        return float(curve["peak"])
    done = (token - decay["from_token"]) / decay["tokens"]
    if done > 1:
        return float(decay["floor"])
    return float(decay["floor"] + _left(decay["style"], done) * (curve["peak"] - decay["floor"]))


def _left(style: str, done: float) -> float:
    """What is left of the fall from peak to floor, 1 to 0, when a part of the decay, 0 to 1, is done."""
    left: dict[str, float] = {
        "linear": 1 - done,
        "cosine": 0.5 * (math.cos(math.pi * done) + 1),
        "exponential": 2 * math.pow(0.5, done) - 1,
        "minus_sqrt": 1 - math.sqrt(done),
    }
    return left[style]
