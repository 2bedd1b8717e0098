"""The network: the same weights from the same seed, and no look ahead. Its logits: tests/conversion/test_export.py."""

import pytest
import torch

from nano3.training.cpu.model import build_model, logits
from nano3.training.cpu.patches import patch_megatron
from nano3.training.cpu.process_group import init_process_group
from tests.training.conftest import MODEL


@pytest.fixture(autouse=True)
def on_cpu() -> None:
    patch_megatron()


@pytest.mark.parametrize("pattern", ["M", "*", "E", "ME*"])
def test_no_token_sees_a_later_one(pattern: str) -> None:
    init_process_group(1)
    model = build_model(MODEL | {"hybrid_override_pattern": pattern}, "fp32").eval()
    tokens = torch.randint(64, (1, 12))
    other = tokens.clone()
    other[0, 7:] = (other[0, 7:] + 1) % 64
    with torch.no_grad():
        before, after = logits(model, tokens), logits(model, other)
    torch.testing.assert_close(before[:, :7], after[:, :7])
    assert not torch.allclose(before[:, 7], after[:, 7])


def test_weights_are_the_seeds_and_of_the_precision_asked_for() -> None:
    def weights(seed: int, precision: str = "fp32") -> dict[str, torch.Tensor]:
        init_process_group(seed)
        return dict(build_model(MODEL, precision).named_parameters())

    first, again, other = weights(1), weights(1), weights(2)
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["embedding.word_embeddings.weight"], other["embedding.word_embeddings.weight"])
    assert {parameter.dtype for parameter in first.values()} == {torch.float32}
    assert weights(1, "bf16")["embedding.word_embeddings.weight"].dtype == torch.bfloat16
