"""How many parameters a model has, from its recipe alone."""

from dataclasses import dataclass

from nano3.network import Model

CONVOLUTION = 4  # tokens that a Mamba-2 layer's convolution sees; Megatron-Core's d_conv


@dataclass(frozen=True)
class Parameters:
    """total: all. active: that a token passes through, without the input embedding. embeddings: input and output."""

    total: int
    active: int
    embeddings: int


def parameters(model: Model) -> Parameters:
    """
    The parameters of Megatron-Core's hybrid model of this recipe; a test counts those of one that was built.

    The router's expert bias is no parameter: nothing has a gradient for it.
    """
    width, pattern = model.hidden_size, model.hybrid_override_pattern
    expert = 2 * width * model.moe_ffn_hidden_size
    beside = 2 * width * model.moe_shared_expert_intermediate_size + width * model.num_moe_experts + width
    layers = {"M": _mamba(model), "*": _attention(model), "E": beside + model.num_moe_experts * expert}
    used = layers | {"E": beside + model.moe_router_topk * expert}
    embedding = model.vocab_size * width
    total = sum(layers[layer] for layer in pattern) + width + 2 * embedding
    active = sum(used[layer] for layer in pattern) + width + embedding
    return Parameters(total, active, 2 * embedding)


def _mamba(model: Model) -> int:
    inner = model.mamba_num_heads * model.mamba_head_dim
    mixed = inner + 2 * model.mamba_num_groups * model.mamba_state_dim
    projections = model.hidden_size * (inner + mixed + model.mamba_num_heads) + inner * model.hidden_size
    return projections + mixed * (CONVOLUTION + 1) + 3 * model.mamba_num_heads + inner + model.hidden_size


def _attention(model: Model) -> int:
    heads = 2 * model.num_attention_heads + 2 * model.num_query_groups
    return model.hidden_size * heads * model.kv_channels + model.hidden_size
