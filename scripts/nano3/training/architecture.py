"""
What all Nemotron 3 Nano models share, in Megatron-Core's terms: both trainers build the same network.

Source: arXiv 2512.20848, section 2.1, and the configuration of the published model.
"""

from collections.abc import Mapping
from typing import Any

CONVOLUTION = 4  # tokens that a Mamba-2 layer's convolution sees
OWN = ("hybrid_override_pattern", "vocab_size")  # of the model around the layers, not of Megatron's TransformerConfig


def transformer(model: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of TransformerConfig, but for precision, activation (squared ReLU) and layout. model: the recipe's."""
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


def parameters(model: Mapping[str, Any]) -> int:
    """Weights of the whole network. model: the recipe's model section."""
    width, inner = model["hidden_size"], model["mamba_num_heads"] * model["mamba_head_dim"]
    mixed = inner + 2 * model["mamba_num_groups"] * model["mamba_state_dim"]
    queries = model["num_attention_heads"] * model["kv_channels"]
    keys = model["num_query_groups"] * model["kv_channels"]
    experts = model["num_moe_experts"] * model["moe_ffn_hidden_size"] + model["moe_shared_expert_intermediate_size"]
    layer = {
        "M": width * (inner + mixed + model["mamba_num_heads"])  # in_proj: gate, x with B and C, step
        + mixed * (CONVOLUTION + 1)
        + 3 * model["mamba_num_heads"]  # dt_bias, A_log, D
        + inner  # gated norm
        + inner * width,
        "*": width * (queries + 2 * keys) + queries * width,
        "E": width * model["num_moe_experts"] + 2 * width * experts,
    }
    pattern = model["hybrid_override_pattern"]
    return int(sum(layer[kind] + width for kind in pattern) + width + 2 * model["vocab_size"] * width)
