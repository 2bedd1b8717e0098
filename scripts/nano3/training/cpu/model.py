"""Nemotron 3 Nano's hybrid in Megatron-Core, with local layers instead of Transformer Engine's."""

from collections.abc import Mapping
from typing import Any

import torch
from megatron.core.activations import squared_relu
from megatron.core.fusions.fused_bias_dropout import get_bias_dropout_add
from megatron.core.models.gpt.moe_module_specs import get_moe_module_spec
from megatron.core.models.mamba.mamba_model import MambaModel
from megatron.core.ssm.mamba_block import MambaStack, MambaStackSubmodules
from megatron.core.ssm.mamba_layer import MambaLayer, MambaLayerSubmodules
from megatron.core.tensor_parallel import ColumnParallelLinear, RowParallelLinear
from megatron.core.transformer.attention import SelfAttention, SelfAttentionSubmodules
from megatron.core.transformer.dot_product_attention import DotProductAttention
from megatron.core.transformer.enums import AttnMaskType
from megatron.core.transformer.spec_utils import ModuleSpec
from megatron.core.transformer.torch_norm import WrappedTorchNorm
from megatron.core.transformer.transformer_config import TransformerConfig
from megatron.core.transformer.transformer_layer import (
    MoETransformerLayer,
    TransformerLayer,
    TransformerLayerSubmodules,
)

from nano3.training.architecture import transformer
from nano3.training.cpu.mixer import MambaMixer


class LocalMambaStack(MambaStack):
    """Megatron-Core's stack; it asks Transformer Engine for the final norm by name."""

    def __init__(self, config: TransformerConfig, submodules: MambaStackSubmodules, **options: Any) -> None:
        options["post_layer_norm"] = False
        super().__init__(config, submodules, **options)
        self.post_layer_norm = True
        if self.post_process:
            self.final_norm = WrappedTorchNorm(config, config.hidden_size, config.layernorm_epsilon)


def build_model(model: Mapping[str, Any], precision: str) -> MambaModel:
    """
    The network with fresh weights drawn from torch's global random state.

    model: the recipe's model section. precision: fp32 or bf16, of the parameters.
    """
    config = transformer_config(model, precision)
    return MambaModel(
        config,
        mamba_stack_spec=_layers(config.num_moe_experts),
        vocab_size=model["vocab_size"],
        max_sequence_length=0,  # only positions would need it, and there are none
        hybrid_override_pattern=model["hybrid_override_pattern"],
        position_embedding_type="none",
        share_embeddings_and_output_weights=False,
    )


def transformer_config(model: Mapping[str, Any], precision: str) -> TransformerConfig:
    """The recipe's model section in Megatron-Core's terms, with what all Nemotron 3 Nano models share."""
    dtype = {"fp32": torch.float32, "bf16": torch.bfloat16}[precision]
    return TransformerConfig(
        **transformer(model),
        activation_func=squared_relu,
        moe_token_dispatcher_type="allgather",
        moe_grouped_gemm=False,
        params_dtype=dtype,
        bf16=precision == "bf16",
        use_cpu_initialization=True,
        gradient_accumulation_fusion=False,
        bias_dropout_fusion=False,
        masked_softmax_fusion=False,
    )


def logits(model: MambaModel, tokens: torch.Tensor) -> torch.Tensor:
    """Scores of the next token, shape [sequences, length, vocabulary]. tokens: shape [sequences, length]."""
    scores: torch.Tensor = model(tokens, None, causal_mask(tokens.shape[1]))
    return scores


def causal_mask(length: int) -> torch.Tensor:
    """True where attention must not look, shape [1, 1, length, length]."""
    return torch.ones(1, 1, length, length, dtype=torch.bool).triu(1)


def _layers(experts: int) -> ModuleSpec:
    mamba = MambaLayerSubmodules(
        norm=WrappedTorchNorm,
        mixer=ModuleSpec(MambaMixer, params={"in_proj": ColumnParallelLinear, "out_proj": RowParallelLinear}),
        mamba_bda=get_bias_dropout_add,
    )
    attention = TransformerLayerSubmodules(
        input_layernorm=WrappedTorchNorm,
        self_attention=ModuleSpec(
            SelfAttention,
            params={"attn_mask_type": AttnMaskType.causal},
            submodules=SelfAttentionSubmodules(
                linear_qkv=ColumnParallelLinear, core_attention=DotProductAttention, linear_proj=RowParallelLinear
            ),
        ),
        self_attn_bda=get_bias_dropout_add,
    )
    moe = TransformerLayerSubmodules(
        pre_mlp_layernorm=WrappedTorchNorm,
        mlp=get_moe_module_spec(use_te=False, num_experts=experts, moe_grouped_gemm=False),
        mlp_bda=get_bias_dropout_add,
    )
    return ModuleSpec(
        LocalMambaStack,
        submodules=MambaStackSubmodules(
            mamba_layer=ModuleSpec(MambaLayer, submodules=mamba),
            attention_layer=ModuleSpec(TransformerLayer, submodules=attention),
            moe_layer=ModuleSpec(MoETransformerLayer, submodules=moe),
        ),
    )
