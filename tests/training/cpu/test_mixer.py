import pytest
import torch

from nano3.training.cpu.mixer import state_space_scan


def recurrence(
    x: torch.Tensor, step: torch.Tensor, a: torch.Tensor, b: torch.Tensor, c: torch.Tensor, d: torch.Tensor
) -> torch.Tensor:
    """The definition, one token after the other."""
    batch, length, heads, dim = x.shape
    b, c = (t.repeat_interleave(heads // b.shape[2], dim=2) for t in (b, c))
    state = torch.zeros(batch, heads, dim, b.shape[-1], dtype=x.dtype)
    out = []
    for t in range(length):
        decay = torch.exp(step[:, t] * a)[..., None, None]
        state = state * decay + (step[:, t, :, None] * x[:, t])[..., None] * b[:, t, :, None, :]
        out.append((state * c[:, t, :, None, :]).sum(-1) + d[:, None] * x[:, t])
    return torch.stack(out, dim=1)


@pytest.mark.parametrize("length", [1, 5, 64, 65, 200])
def test_the_chunked_scan_is_the_recurrence(length: int) -> None:
    random = torch.Generator().manual_seed(length)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=random, dtype=torch.float64)

    x, step = draw(2, length, 4, 6), draw(2, length, 4).abs() * 0.3
    a, d = -draw(4).abs(), draw(4)
    b, c = draw(2, length, 2, 5), draw(2, length, 2, 5)
    torch.testing.assert_close(state_space_scan(x, step, a, b, c, d), recurrence(x, step, a, b, c, d))
