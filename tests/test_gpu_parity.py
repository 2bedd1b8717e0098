"""What of benchmarks/gpu_parity.py needs no GPU: its arithmetic, and both of its sides on a CPU."""

from pathlib import Path

import pytest

import gpu_parity
from nano3.config.parameters import flops_per_token
from tests.training.conftest import Corpus, corpus
from tests.training.recipes import NANO3_MODEL, TINY

__all__ = ["corpus"]


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


def test_utilization() -> None:
    assert gpu_parity.utilization(tokens_per_second=1_000, flops=2e9, peak_tflops=4) == 0.5


@pytest.mark.slow
def test_both_sides_agree_where_both_are_a_cpu(
    corpus: Corpus,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from nano3.training.segment import train_segment

    arguments = corpus.arguments("parity", corpus.spec(steps=4))
    train_segment(**arguments)
    bundle, out = str(tmp_path / "bundle.pt"), str(tmp_path / "gpu.json")
    files = ["--bundle", bundle, "--out", out]
    gpu_parity.main(["prepare", "--receipt", str(arguments["receipt"]), "--steps", "4", *files])
    gpu_parity.main(["run", "--device", "cpu", *files])
    gpu_parity.main(["compare", "--tolerance", "1e-6", *files])
    assert "+0.000000" in capsys.readouterr().out
    with pytest.raises(SystemExit, match="losses differ by up to"):
        gpu_parity.main(["compare", "--tolerance", "-1", *files])
