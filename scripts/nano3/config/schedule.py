"""
What is the learning rate after a number of training tokens?

That of Megatron-Core's OptimizerParamScheduler, which training uses, with tokens for its steps; a test compares the
two. Source: megatron/core/optimizer_param_scheduler.py, `WSD` and `constant`.
"""

import math
from collections.abc import Mapping
from typing import Any


def learning_rate(curve: Mapping[str, Any], token: int) -> float:
    """
    The learning rate of the step that begins when `token` tokens have been trained on.

    curve: of a segment's spec: `constant`; or `peak`, `warmup_tokens` and, once it has begun, `decay` with
    `from_token`, `tokens`, `floor` and `style`.
    """
    if "constant" in curve:
        return float(curve["constant"])
    if token <= (warmup := curve["warmup_tokens"]) and warmup > 0:
        return float(curve["peak"] * token / warmup)
    decay = curve.get("decay")
    if decay is None or token <= decay["from_token"]:
        return float(curve["peak"])
    progress = (token - decay["from_token"]) / decay["tokens"]
    if progress > 1:
        return float(decay["floor"])
    return float(decay["floor"] + _rest(decay["style"], progress) * (curve["peak"] - decay["floor"]))


def _rest(style: str, progress: float) -> float:
    """Fraction of the way from peak to floor that is left, 1 to 0. progress: fraction of the decay, 0 to 1."""
    rest: dict[str, float] = {
        "linear": 1 - progress,
        "cosine": 0.5 * (math.cos(math.pi * progress) + 1),
        "exponential": 2 * math.pow(0.5, progress) - 1,
        "minus_sqrt": 1 - math.sqrt(progress),
    }
    return rest[style]
