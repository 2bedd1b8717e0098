"""
What do all Nemotron 3 Nano models share? Arguments of Megatron-Core, from which both trainers build the same network.

Source: arXiv 2512.20848, section 2.1, and the configuration of the published model.
"""

from collections.abc import Mapping
from typing import Any

OWN = ("hybrid_override_pattern", "vocab_size")  # of the model around the layers, not of Megatron's TransformerConfig


def transformer(model: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of TransformerConfig, except precision, activation (squared ReLU) and layout. model: the recipe's."""
    return {
        **{key: value for key, value in model.items() if key not in OWN},
        "num_layers": len(model["hybrid_override_pattern"]),
        "ffn_hidden_size": model["moe_ffn_hidden_size"],
        "is_hybrid_model": True,
        "normalization": "RMSNorm",
        "add_bias_linear": False,
        "gated_linear_unit": False,
        "attention_dropout": 0.0,
        "hidden_dropout": 0.0,
        "moe_router_score_function": "sigmoid",
        "moe_router_enable_expert_bias": True,
        "moe_router_load_balancing_type": "seq_aux_loss",
        "moe_router_dtype": "fp32",
    }
