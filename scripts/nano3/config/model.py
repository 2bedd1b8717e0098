"""The network of a recipe."""

from typing import Annotated

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, WithJsonSchema, model_validator

from nano3.core.schema import Closed

COUNTED = WithJsonSchema({"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"const": "auto"}]})


class Model(Closed):
    """A hybrid of Mamba-2, attention and mixture-of-experts layers; the names are Megatron-Core's."""

    hybrid_override_pattern: str = Field(pattern=r"^[ME*]+$", description="Layers: M Mamba-2, * attention, E MoE.")
    vocab_size: Annotated[PositiveInt, COUNTED] = Field(
        description="Entries of the embedding; at least the tokenizer's. auto: as many, rounded up to a multiple of "
        "128; they are counted when the recipe is read."
    )
    hidden_size: PositiveInt = Field(description="Width of the residual stream.")
    num_attention_heads: PositiveInt = Field(description="Query heads.")
    num_query_groups: PositiveInt = Field(description="Key/value heads.")
    kv_channels: PositiveInt = Field(description="Size of an attention head.")
    mamba_num_heads: PositiveInt = Field(description="Mamba-2 heads.")
    mamba_head_dim: PositiveInt = Field(description="Size of a Mamba-2 head.")
    mamba_state_dim: PositiveInt = Field(description="State per Mamba-2 channel.")
    mamba_num_groups: PositiveInt = Field(description="Groups that share B and C.")
    num_moe_experts: PositiveInt = Field(description="Routed experts per MoE layer.")
    moe_router_topk: PositiveInt = Field(description="Routed experts a token uses.")
    moe_ffn_hidden_size: PositiveInt = Field(description="Width of a routed expert.")
    moe_shared_expert_intermediate_size: PositiveInt = Field(description="Width of the shared expert.")
    moe_router_topk_scaling_factor: PositiveFloat = Field(description="Factor on the routed experts' weights.")
    moe_router_bias_update_rate: NonNegativeFloat = Field(description="Step of the aux-loss-free expert bias.")
    moe_aux_loss_coeff: NonNegativeFloat = Field(description="Weight of the sequence load-balancing loss.")
    layernorm_epsilon: PositiveFloat = Field(1e-5, description="Epsilon of RMSNorm.")
    init_method_std: PositiveFloat = Field(description="Standard deviation of the initial weights.")

    @model_validator(mode="after")
    def _divides(self) -> "Model":
        if self.moe_router_topk > self.num_moe_experts:
            raise ValueError(f"moe_router_topk {self.moe_router_topk} exceeds num_moe_experts {self.num_moe_experts}")
        for many, few in (("num_attention_heads", "num_query_groups"), ("mamba_num_heads", "mamba_num_groups")):
            if getattr(self, many) % getattr(self, few):
                raise ValueError(f"{many} {getattr(self, many)} is not a multiple of {few} {getattr(self, few)}")
        return self
