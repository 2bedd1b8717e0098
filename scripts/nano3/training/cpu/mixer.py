"""
The Mamba-2 mixer in plain torch, for machines without CUDA.

Parameters carry the names and shapes of megatron.core.ssm.mamba_mixer.MambaMixer at tensor-parallel size 1, so its
checkpoints are interchangeable. The scan is the chunked form of state-space duality (Dao and Gu 2024,
arXiv 2405.21060, section 6), in float32.
"""

import math
from typing import Any

import torch
import torch.nn.functional as F
from megatron.core.transformer.module import MegatronModule
from megatron.core.transformer.spec_utils import build_module
from torch import Tensor, nn

CONVOLUTION = 4
CHUNK = 64


class MambaMixer(MegatronModule):
    """One Mamba-2 layer, [sequence, batch, hidden] to the same shape and a bias that is None."""

    def __init__(
        self,
        config: Any,
        in_proj: Any,
        out_proj: Any,
        d_model: int,
        layer_number: int | None = None,
        pg_collection: Any = None,
        pp_layer_offset: int = 0,
    ) -> None:
        super().__init__(config)
        self.heads, self.head_dim = config.mamba_num_heads, config.mamba_head_dim
        self.state, self.groups = config.mamba_state_dim, config.mamba_num_groups
        self.inner = self.heads * self.head_dim
        self.mixed = self.inner + 2 * self.groups * self.state
        shared = {"config": config, "bias": False, "is_expert": False, "tp_group": pg_collection.tp}
        self.in_proj = build_module(
            in_proj,
            d_model,
            self.inner + self.mixed + self.heads,
            init_method=config.init_method,
            gather_output=False,
            skip_bias_add=False,
            **shared,
        )
        self.conv1d = nn.Conv1d(self.mixed, self.mixed, CONVOLUTION, groups=self.mixed, padding=CONVOLUTION - 1)
        nn.init.kaiming_uniform_(self.conv1d.weight, a=math.sqrt(5))
        step = torch.exp(torch.empty(self.heads).uniform_(math.log(1e-3), math.log(1e-1))).clamp(min=1e-4)
        self.dt_bias = nn.Parameter(step + torch.log(-torch.expm1(-step)))  # softplus of it is step
        self.A_log = nn.Parameter(torch.empty(self.heads).uniform_(1, 16).log())
        self.D = nn.Parameter(torch.ones(self.heads))
        self.norm = GatedNorm(self.inner, self.groups, config.layernorm_epsilon)
        self.out_proj = build_module(
            out_proj,
            self.inner,
            d_model,
            init_method=config.output_layer_init_method,
            input_is_parallel=True,
            skip_bias_add=True,
            **shared,
        )

    def forward(self, hidden_states: Tensor, inference_context: Any = None, packed_seq_params: Any = None) -> Any:
        """hidden_states: shape [sequence, batch, hidden]."""
        length, batch, _ = hidden_states.shape
        projected = self.in_proj(hidden_states)[0].transpose(0, 1)
        gate, mixed, step = torch.split(projected, [self.inner, self.mixed, self.heads], dim=-1)
        mixed = F.silu(self.conv1d(mixed.transpose(1, 2))[..., :length]).transpose(1, 2).float()
        x, b, c = torch.split(mixed, [self.inner, self.groups * self.state, self.groups * self.state], dim=-1)
        y = state_space_scan(
            x.reshape(batch, length, self.heads, self.head_dim),
            F.softplus(step.float() + self.dt_bias),
            -self.A_log.exp(),
            b.reshape(batch, length, self.groups, self.state),
            c.reshape(batch, length, self.groups, self.state),
            self.D,
        )
        y = self.norm(y.reshape(batch, length, self.inner).to(hidden_states.dtype), gate)
        return self.out_proj(y.transpose(0, 1).contiguous())


class GatedNorm(nn.Module):
    """RMSNorm over each group of channels of x * silu(gate)."""

    def __init__(self, channels: int, groups: int, epsilon: float) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels))
        self.groups, self.epsilon = groups, epsilon

    def forward(self, x: Tensor, gate: Tensor) -> Tensor:
        """x, gate: shape [..., channels]."""
        gated = x * F.silu(gate)
        grouped = gated.view(*gated.shape[:-1], self.groups, -1)
        scale = torch.rsqrt(grouped.pow(2).mean(-1, keepdim=True) + self.epsilon)
        return (grouped * scale).reshape(gated.shape) * self.weight


def state_space_scan(x: Tensor, step: Tensor, a: Tensor, b: Tensor, c: Tensor, d: Tensor) -> Tensor:
    """
    y[t] = c[t] . h[t] + d x[t] with h[t] = exp(step[t] a) h[t-1] + step[t] b[t] x[t], in chunks.

    x: [batch, length, heads, dim]. step: [batch, length, heads]. a, d: [heads]. b, c: [batch, length, groups, state].
    Returns the shape of x.
    """
    batch, length, heads, dim = x.shape
    skip = x * d[:, None]
    chunk = min(CHUNK, length)
    if padding := -length % chunk:
        x, step, b, c = (F.pad(t, [0, 0] * (t.dim() - 2) + [0, padding]) for t in (x, step, b, c))
    chunks = x.shape[1] // chunk
    per_head = heads // b.shape[2]
    b, c = (t.repeat_interleave(per_head, dim=2).reshape(batch, chunks, chunk, heads, -1) for t in (b, c))
    inputs = (x * step[..., None]).reshape(batch, chunks, chunk, heads, dim)
    decay = (step * a).reshape(batch, chunks, chunk, heads).permute(0, 3, 1, 2)  # [batch, heads, chunks, chunk]
    total = decay.cumsum(-1)

    within = torch.einsum("bclhn,bcshn->bhcls", c, b) * _pairwise_sums(decay).exp()
    y = torch.einsum("bhcls,bcshp->bclhp", within, inputs)

    to_end = (total[..., -1:] - total).exp()
    states = torch.einsum("bclhn,bhcl,bclhp->bchpn", b, to_end, inputs)
    states = torch.cat([torch.zeros_like(states[:, :1]), states], dim=1)
    across = _pairwise_sums(F.pad(total[..., -1], (1, 0))).exp()
    states = torch.einsum("bhzc,bchpn->bzhpn", across, states)[:, :-1]
    y = y + torch.einsum("bclhn,bchpn,bhcl->bclhp", c, states, total.exp())
    return y.reshape(batch, chunks * chunk, heads, dim)[:, :length] + skip


def _pairwise_sums(x: Tensor) -> Tensor:
    """Sums of x[j+1..i] for all i >= j, minus infinity above; [..., n] to [..., n, n]."""
    sums = x.cumsum(-1)
    below = torch.ones(x.size(-1), x.size(-1), dtype=torch.bool, device=x.device).tril()
    return (sums[..., :, None] - sums[..., None, :]).masked_fill(~below, -torch.inf)
