"""Parameters are counted like those of a real network, operations by hand, and both come near the published ones."""

import pytest

from nano3.config.load import load_recipe
from nano3.config.parameters import flops_per_token, parameters
from tests.training.recipes import NANO3_MODEL, TINY


@pytest.mark.parametrize("name", ["nano3", "nano3-report"])
def test_the_model_has_the_published_size(name: str) -> None:
    model = load_recipe(name)[1].model
    size = parameters(model)
    assert (round(size.total / 1e9, 1), round(size.active / 1e9, 1)) == (31.6, 3.2)
    assert round((size.active + size.embeddings / 2) / 1e9, 1) == 3.6
    layers = model.hybrid_override_pattern
    assert (len(layers), layers.count("M"), layers.count("E"), layers.count("*")) == (52, 23, 23, 6)


def test_parameters_are_those_of_a_real_model() -> None:
    from nano3.training.cpu.model import build_model
    from nano3.training.cpu.patches import patch_megatron
    from nano3.training.cpu.process_group import init_process_group

    patch_megatron()
    init_process_group(0)
    model = load_recipe("tiny")[1].model
    network = build_model(model.model_dump(), "fp32")
    assert parameters(model).total == sum(parameter.numel() for parameter in network.parameters())


def test_operations_are_those_counted_by_hand() -> None:
    model = TINY.model.model_copy(
        update={
            "hybrid_override_pattern": "M*E",
            "vocab_size": 100,
            "hidden_size": 10,
            "num_attention_heads": 4,
            "num_query_groups": 2,
            "kv_channels": 5,
            "mamba_num_heads": 3,
            "mamba_head_dim": 4,
            "mamba_num_groups": 1,
            "mamba_state_dim": 6,
            "num_moe_experts": 8,
            "moe_router_topk": 2,
            "moe_ffn_hidden_size": 7,
            "moe_shared_expert_intermediate_size": 9,
        }
    )
    mamba = 2 * 10 * (12 + 12 + 6 + 6 + 3) + 2 * 12 * 10 + 4 * 12 * 6  # gate, x, B, C, step; out; state 12 x 6
    attention = 2 * 10 * (20 + 10 + 10) + 2 * 20 * 10 + 4 * 20 * 16  # q, k, v; out; 32 / 2 tokens twice
    experts = 2 * 10 * 8 + 2 * (2 * 10 * 7) * 2 + 2 * (2 * 10 * 9)  # router; two experts up and down; shared
    assert flops_per_token(model, 32) == 3 * (mamba + attention + experts + 2 * 10 * 100)


def test_operations_of_the_model_are_near_the_published_ones() -> None:
    published = 331e12 / 14.9e3  # FLOP/s and tokens/s of an H100, Megatron-Bridge, 8,192 tokens
    other_half = 3 * 6 * 2 * 8_192 * 32 * 128  # Bridge does not take attention for causal, in 6 layers
    assert flops_per_token(NANO3_MODEL, 8_192) + other_half == pytest.approx(published, rel=0.02)
