"""
What all Nemotron 3 Nano models share, in Megatron-Core's terms: both trainers build the same network.

Source: arXiv 2512.20848, section 2.1, and the configuration of the published model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
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
    sizes = _Sizes.of(model)
    experts = model["num_moe_experts"] * model["moe_ffn_hidden_size"] + model["moe_shared_expert_intermediate_size"]
    layer = {
        "M": sizes.mamba_matrices
        + sizes.mixed * (CONVOLUTION + 1)
        + 3 * model["mamba_num_heads"]  # dt_bias, A_log, D
        + sizes.inner,  # gated norm
        "*": sizes.attention_matrices,
        "E": sizes.width * model["num_moe_experts"] + 2 * sizes.width * experts,
    }
    layers = sum(layer[kind] + sizes.width for kind in model["hybrid_override_pattern"])
    return int(layers + sizes.width + 2 * model["vocab_size"] * sizes.width)


def flops_per_token(model: Mapping[str, Any], length: int) -> float:
    """
    Floating-point operations of a training step for each token: three times those of the forward pass.

    A multiply and an add are two. Matrices: 2 for each weight a token meets. Attention: scores and their sum over half
    the sequence, for it is causal. Mamba-2: 2 for each entry of the state to update it and 2 to read it. The rest
    (norms, activations, convolution, routing) is left out. model: the recipe's section. length: tokens of a sequence.
    """
    sizes = _Sizes.of(model)
    chosen = model["moe_router_topk"] * model["moe_ffn_hidden_size"] + model["moe_shared_expert_intermediate_size"]
    forward = {
        "M": 2 * sizes.mamba_matrices + 4 * sizes.inner * model["mamba_state_dim"],
        "*": 2 * sizes.attention_matrices + 2 * length * sizes.queries,
        "E": 2 * sizes.width * model["num_moe_experts"] + 4 * sizes.width * chosen,
    }
    layers = sum(forward[kind] for kind in model["hybrid_override_pattern"])
    return 3 * float(layers + 2 * sizes.width * model["vocab_size"])


@dataclass(frozen=True)
class _Sizes:
    """Widths. inner: of Mamba-2; mixed: with B and C; queries, keys: of all heads."""

    width: int
    inner: int
    mixed: int
    heads: int
    queries: int
    keys: int

    @classmethod
    def of(cls, model: Mapping[str, Any]) -> "_Sizes":
        inner = model["mamba_num_heads"] * model["mamba_head_dim"]
        return cls(
            model["hidden_size"],
            inner,
            inner + 2 * model["mamba_num_groups"] * model["mamba_state_dim"],
            model["mamba_num_heads"],
            model["num_attention_heads"] * model["kv_channels"],
            model["num_query_groups"] * model["kv_channels"],
        )

    @property
    def mamba_matrices(self) -> int:
        """Into the layer: gate, x with B and C, step; and out of it."""
        return self.width * (self.inner + self.mixed + self.heads) + self.inner * self.width

    @property
    def attention_matrices(self) -> int:
        return self.width * (self.queries + 2 * self.keys) + self.queries * self.width
