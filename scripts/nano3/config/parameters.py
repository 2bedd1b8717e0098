"""How many parameters does a recipe's model have, and how many operations does training on a token cost?"""

from dataclasses import dataclass

from nano3.config.model import Model

CONVOLUTION = 4  # tokens that a Mamba-2 layer's convolution sees; Megatron-Core's d_conv


@dataclass(frozen=True)
class Parameters:
    """total: all. active: that a token passes through, without the input embedding. embeddings: input and output."""

    total: int
    active: int
    embeddings: int


def parameters(model: Model) -> Parameters:
    """
    The parameters of Megatron-Core's hybrid model of this recipe; a test counts those of a real one.

    The router's expert bias is not a parameter: it has no gradient.
    """
    width, pattern = model.hidden_size, model.hybrid_override_pattern
    expert = 2 * width * model.moe_ffn_hidden_size
    shared = 2 * width * model.moe_shared_expert_intermediate_size + width * model.num_moe_experts + width
    layers = {"M": _mamba(model), "*": _attention(model), "E": shared + model.num_moe_experts * expert}
    active_layers = layers | {"E": shared + model.moe_router_topk * expert}
    embedding = model.vocab_size * width
    total = sum(layers[layer] for layer in pattern) + width + 2 * embedding
    active = sum(active_layers[layer] for layer in pattern) + width + embedding
    return Parameters(total, active, 2 * embedding)


def flops_per_token(model: Model, length: int) -> float:
    """
    Floating-point operations of a training step for each token: three times those of the forward pass.

    A multiply and an add are two. Matrices: 2 for each weight a token meets. Attention: scores and their sum over half
    the sequence, because it is causal. Mamba-2: 2 for each entry of the state to update it and 2 to read it. Norms,
    activations, convolution and routing are left out. length: tokens of a sequence.
    """
    width, inner = model.hidden_size, model.mamba_num_heads * model.mamba_head_dim
    experts = model.moe_router_topk * model.moe_ffn_hidden_size + model.moe_shared_expert_intermediate_size
    forward = {
        "M": 2 * _mamba_matrices(model) + 4 * inner * model.mamba_state_dim,
        "*": 2 * _attention_matrices(model) + 2 * length * model.num_attention_heads * model.kv_channels,
        "E": 2 * width * model.num_moe_experts + 4 * width * experts,
    }
    layers = sum(forward[layer] for layer in model.hybrid_override_pattern)
    return 3 * float(layers + 2 * width * model.vocab_size)


def _mamba(model: Model) -> int:
    """Matrices, convolution with bias, dt_bias, A_log and D, both norms."""
    inner = model.mamba_num_heads * model.mamba_head_dim
    channels = inner + 2 * model.mamba_num_groups * model.mamba_state_dim
    rest = channels * (CONVOLUTION + 1) + 3 * model.mamba_num_heads + inner + model.hidden_size
    return _mamba_matrices(model) + rest


def _mamba_matrices(model: Model) -> int:
    """Into the layer: gate, x with B and C, step; and out of it."""
    inner = model.mamba_num_heads * model.mamba_head_dim
    channels = inner + 2 * model.mamba_num_groups * model.mamba_state_dim
    return model.hidden_size * (inner + channels + model.mamba_num_heads) + inner * model.hidden_size


def _attention(model: Model) -> int:
    """Matrices and the norm."""
    return _attention_matrices(model) + model.hidden_size


def _attention_matrices(model: Model) -> int:
    heads = 2 * model.num_attention_heads + 2 * model.num_query_groups
    return model.hidden_size * heads * model.kv_channels
