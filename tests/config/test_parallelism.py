"""The rules for layouts, compared with what Megatron-Core itself does, on fake ranks."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any
from unittest.mock import MagicMock, patch

import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from nano3.config.load import load_recipe
from nano3.config.model import Model
from nano3.config.parallelism import RULES, ParallelPlan, Rule, broken, check_layouts, parallel_plans, worlds
from nano3.config.recipe import Layout, Recipe
from nano3.core.schema import ConfigError
from tests.conftest import nano3
from tests.training.recipes import NANO3_MODEL as NANO3

MODEL = load_recipe("tiny")[1].model


def placed(model: Model = MODEL, batch: int = 48, length: int = 512, world: int = 1, **sizes: int) -> ParallelPlan:
    names = {"tp": "tensor_model", "pp": "pipeline_model", "cp": "context", "ep": "expert_model"}
    parallel = {f"{names[key]}_parallel_size": size for key, size in sizes.items()}
    layout = Layout(trainer="bridge", processes_per_node=world, micro_batch_tokens=1, threads=1, **parallel)
    return ParallelPlan(layout, model, batch, length, world)


@contextmanager
def fake_ranks(world: int, rank: int) -> Iterator[None]:
    """A process group of `world` ranks of which one exists; collectives do nothing."""
    from torch.testing._internal.distributed.fake_pg import FakeStore

    from nano3.training.cpu.patches import patch_megatron

    patch_megatron()
    from megatron.core import num_microbatches_calculator, parallel_state, tensor_parallel

    def forget() -> None:
        num_microbatches_calculator.unset_num_microbatches_calculator()
        parallel_state.destroy_model_parallel()
        if torch.distributed.is_initialized():
            torch.distributed.destroy_process_group()

    forget()
    torch.distributed.init_process_group("fake", store=FakeStore(), rank=rank, world_size=world)
    try:
        tensor_parallel.random.initialize_rng_tracker(inference_rng_tracker=True, force_reset=True)
        yield
    finally:
        forget()


def megatron_accepts(parallel_plan: ParallelPlan, rank: int = 0) -> None:
    """Let Megatron-Core build groups, network, shards of a batch and micro-batches; it raises for what it refuses."""
    with fake_ranks(parallel_plan.world, rank):
        from megatron.core import parallel_state
        from megatron.core.num_microbatches_calculator import init_num_microbatches_calculator
        from megatron.core.tensor_parallel.mappings import reduce_scatter_to_sequence_parallel_region
        from megatron.core.utils import get_batch_on_this_cp_rank

        parallel_state.initialize_model_parallel(
            tensor_model_parallel_size=parallel_plan.tp,
            pipeline_model_parallel_size=parallel_plan.pp,
            context_parallel_size=parallel_plan.cp,
            expert_model_parallel_size=parallel_plan.ep,
            expert_tensor_parallel_size=1,
            create_gloo_process_groups=False,
        )
        layers = _layers_of_all_stages(parallel_plan)
        assert layers == len(parallel_plan.model.hybrid_override_pattern), f"{layers} layers are left"
        batch = get_batch_on_this_cp_rank({"tokens": torch.zeros(1, parallel_plan.length, dtype=torch.int64)})
        shard = batch["tokens"].transpose(0, 1)[..., None].float()
        assert shard.shape[0] * parallel_plan.cp == parallel_plan.length
        reduce_scatter_to_sequence_parallel_region(shard)
        copies = parallel_state.get_data_parallel_world_size()
        init_num_microbatches_calculator(0, None, parallel_plan.batch, 1, copies, False)


def _layers_of_all_stages(parallel_plan: ParallelPlan) -> int:
    """Build this rank's part of the network, of Megatron-Core's own layers, and count what all stages have."""
    from megatron.core import parallel_state
    from megatron.core.models.mamba.mamba_model import MambaModel
    from megatron.core.tensor_parallel import ColumnParallelLinear, RowParallelLinear
    from megatron.core.transformer.spec_utils import ModuleSpec
    from megatron.core.transformer.transformer_config import TransformerConfig

    from nano3.training.cpu.model import _layers, transformer_config

    absent = {name: MagicMock() for name in ("triton", "triton.language")}  # for kernels of inference
    with patch.dict(sys.modules, absent):
        from megatron.core.ssm import mamba_mixer

    class Anything(torch.nn.Module):
        def __init__(self, **_: Any) -> None:
            super().__init__()

    class Norm(torch.nn.Module):  # of mamba_ssm, which needs CUDA to install
        def __init__(self, size: int, **_: Any) -> None:
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(size))

    mamba_mixer.HAVE_MAMBA_SSM, mamba_mixer.RMSNormGated, mamba_mixer.ExtendedRMSNorm = True, Norm, Norm
    spec = _layers(parallel_plan.model.num_moe_experts)
    projections = mamba_mixer.MambaMixerSubmodules(in_proj=ColumnParallelLinear, out_proj=RowParallelLinear)
    spec.submodules.mamba_layer.submodules.mixer = ModuleSpec(mamba_mixer.MambaMixer, submodules=projections)
    if parallel_plan.cp > 1:  # only Transformer Engine's attention does this, and it needs CUDA
        spec.submodules.attention_layer.submodules.self_attention.submodules.core_attention = Anything
    local = transformer_config(parallel_plan.model.model_dump(), "fp32")
    config = TransformerConfig(
        **{name: getattr(local, name) for name in TransformerConfig.__dataclass_fields__ if name not in PARALLEL},
        tensor_model_parallel_size=parallel_plan.tp,
        pipeline_model_parallel_size=parallel_plan.pp,
        context_parallel_size=parallel_plan.cp,
        expert_model_parallel_size=parallel_plan.ep,
        expert_tensor_parallel_size=1,
        sequence_parallel=False,  # torch's norm does not know it; megatron_accepts cuts a sequence itself
        pipeline_dtype=torch.float32,
    )
    model = MambaModel(
        config,
        mamba_stack_spec=spec,
        vocab_size=parallel_plan.model.vocab_size,
        max_sequence_length=0,
        hybrid_override_pattern=parallel_plan.model.hybrid_override_pattern,
        position_embedding_type="none",
        share_embeddings_and_output_weights=False,
        pre_process=parallel_state.is_pipeline_first_stage(),
        post_process=parallel_state.is_pipeline_last_stage(),
    )
    return len(model.decoder.layers) * parallel_plan.pp


PARALLEL = {
    "tensor_model_parallel_size",
    "pipeline_model_parallel_size",
    "context_parallel_size",
    "expert_model_parallel_size",
    "expert_tensor_parallel_size",
    "sequence_parallel",
    "pipeline_dtype",
}
SMALL = {
    "hybrid_override_pattern": st.sampled_from(["ME*M", "MEM*EM", "MEM*EME", "MEMEM*EM"]),
    "num_query_groups": st.sampled_from([1, 2, 4]),
    "mamba_num_heads": st.sampled_from([4, 8, 12]),
    "mamba_num_groups": st.sampled_from([1, 2, 4]),
    "num_moe_experts": st.sampled_from([4, 6, 8]),
    "vocab_size": st.sampled_from([64, 66]),
    "moe_shared_expert_intermediate_size": st.sampled_from([16, 18]),
}
SIZES = st.sampled_from([1, 1, 2, 2, 3, 4])


@pytest.mark.slow
@settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_what_the_rules_accept_megatron_accepts(data: st.DataObject) -> None:
    changes = {name: data.draw(values, name) for name, values in SMALL.items()}
    model = MODEL.model_copy(update={"hidden_size": 32, "kv_channels": 8, "mamba_head_dim": 8} | changes)
    sizes = {name: data.draw(SIZES, name) for name in ("tp", "pp", "cp", "ep")}
    copies = data.draw(st.sampled_from([1, 2, 3]), "copies")
    world = sizes["tp"] * sizes["pp"] * sizes["cp"] * copies
    parallel_plan = placed(
        model, data.draw(st.sampled_from([2, 6, 12]), "batch"), data.draw(st.sampled_from([48, 50, 64])), world, **sizes
    )
    assume(broken(parallel_plan) is None)
    megatron_accepts(parallel_plan, rank=data.draw(st.sampled_from([0, world - 1]), "rank"))


# For each rule, in order, a plan that breaks only it, and Megatron's own error.
OTHER = {
    "six_experts": MODEL.model_copy(update={"num_moe_experts": 6}),
    "six_heads": MODEL.model_copy(update={"num_attention_heads": 6}),
    "three_groups": MODEL.model_copy(update={"num_attention_heads": 12, "num_query_groups": 3}),
    "six_mamba_heads": MODEL.model_copy(update={"mamba_num_heads": 6}),
    "odd_shared_expert": MODEL.model_copy(update={"moe_shared_expert_intermediate_size": 127}),
    "odd_vocabulary": MODEL.model_copy(update={"vocab_size": 4097}),
    "four_mamba_groups": MODEL.model_copy(update={"mamba_num_heads": 12, "mamba_num_groups": 4}),
    "eight_layers": MODEL.model_copy(update={"hybrid_override_pattern": "MEM*EMEM"}),
}
BREACHES = [
    (placed(world=3, tp=2), r"world_size \(3\) is not divisible by 2"),
    (placed(world=4, ep=8), r"world_size \(4\) is not divisible by expert_tensor_model_pipeline_parallel size \(8\)"),
    (placed(OTHER["six_experts"], world=4, ep=4), "MoELayer"),
    (placed(OTHER["six_heads"], world=4, tp=4), r"num_attention_heads \(6\) must be a multiple"),
    (placed(OTHER["three_groups"], world=2, tp=2), r"num_query_groups \(3\) must be a multiple or divisor"),
    (placed(OTHER["six_mamba_heads"], world=4, tp=4), "nheads must be evenly divisble by tp_size"),
    (placed(world=4, tp=4), "ngroups must be evenly divisible by tp_size"),
    (placed(OTHER["odd_shared_expert"], world=2, tp=2), "127 is not divisible by 2"),
    (placed(OTHER["odd_vocabulary"], world=2, tp=2), "4097 is not divisible by 2"),
    (placed(length=528, world=3, cp=3), r"nheads must be evenly divisible by tp_size \* cp_size"),
    (placed(OTHER["four_mamba_groups"], length=528, world=6, cp=6), "cp_size must be evenly divisible by ngroups"),
    (placed(world=2, pp=2), "6 layers are left"),
    (placed(length=510, world=2, cp=2), "shape .* is invalid for input of size 510"),
    (placed(length=511, world=2, tp=2), "should be divisible by tensor parallel size"),
    (placed(world=5), r"global batch size \(48\) is not divisible"),
    (placed(OTHER["eight_layers"], world=96, pp=2), None),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("rule", "parallel_plan", "message"), [(rule, *breach) for rule, breach in zip(RULES, BREACHES, strict=True)]
)
def test_each_rule_is_broken_by_what_megatron_refuses(
    rule: Rule, parallel_plan: ParallelPlan, message: str | None
) -> None:
    assert broken(parallel_plan) is rule
    if message is None:
        assert rule.source.startswith("ours")
        megatron_accepts(parallel_plan)
    else:
        with pytest.raises((AssertionError, RuntimeError, ValueError), match=message):
            megatron_accepts(parallel_plan)


def test_the_long_context_of_the_specification_fits() -> None:
    for length in (4_096, 524_288, 1_048_576):
        parallel_plan = placed(NANO3, 48, length, 256, tp=8, cp=8, ep=8, pp=4)
        assert broken(parallel_plan) is None
        assert worlds(parallel_plan) == [256, 512, 768, 1_024, 1_536, 2_048, 3_072]
        assert (parallel_plan.data_parallel, parallel_plan.micro_batches) == (1, 48)
    assert parallel_plan.bubble == pytest.approx(3 / 51)


def test_an_impossible_layout_is_refused_with_file_key_and_source() -> None:
    overrides = "layout.trainer=bridge layout.processes_per_node=4 layout.tensor_model_parallel_size=4"
    with pytest.raises(ConfigError) as caught:
        load_recipe("tiny", overrides)
    assert str(caught.value) == (
        f"config/recipes/tiny.yaml with set='{overrides}': layout.tensor_model_parallel_size: for phase1/stable, "
        "2 Mamba groups can't be shared evenly by 4 ranks (megatron/core/ssm/mamba_mixer.py, MambaMixer)"
    )


def test_the_key_is_the_one_in_effect() -> None:
    recipe = load_recipe("tiny")[1]
    own = placed(world=4).layout
    phases = recipe.phases | {"long_context": recipe.phases["long_context"].model_copy(update={"layout": own})}
    with pytest.raises(ConfigError, match=r"phases\.long_context\.segments\.long_1\.global_batch_size: .*2 sequences"):
        check_layouts(recipe.model_copy(update={"phases": phases}), "x.yaml: {}".format)
    with pytest.raises(ConfigError, match=r"layout\.trainer: .*the cpu trainer distributes sequences only"):
        load_recipe("tiny", "layout.tensor_model_parallel_size=2")


def test_a_micro_batch_divides_what_a_copy_has() -> None:
    recipe: Recipe = load_recipe("tiny", "layout.trainer=bridge layout.micro_batch_tokens=640")[1]
    sizes = {segment: parallel_plan.micro_batch for _, segment, parallel_plan in parallel_plans(recipe)}
    assert sizes == {"stable": 4, "decay": 4, "anneal": 4, "long_1": 1, "short": 2, "long_2": 1}  # of 8, 8, 8, 2, 2, 2
    assert replace(placed(batch=48, world=8), batch=40).sequences == 5


def test_ranks_of_the_cpu_trainer_may_have_unequal_parts_or_none() -> None:
    overrides = "layout.processes_per_node=3 layout.micro_batch_tokens=256"
    plans = {segment: plan for _, segment, plan in parallel_plans(load_recipe("tiny", overrides)[1])}
    stable, long = plans["stable"], plans["long_1"]
    assert (stable.sequences, stable.micro_batch, stable.micro_batches) == (3, 2, 2)  # of 8: 2, 3 and 3
    assert (long.sequences, long.micro_batch, long.micro_batches) == (1, 1, 1)  # of 2: 0, 1 and 1
    assert stable.idle == pytest.approx(1 / 9)
    assert long.idle == pytest.approx(1 / 3)


def test_ranks_that_never_have_a_sequence_are_reported() -> None:
    done = nano3("layout", "tiny", "--set", "layout.processes_per_node=16")
    assert done.returncode == 0, done.stderr
    assert "phase1/stable: 8 of 16 ranks have no sequence: a step has 8" in done.stdout
    assert "long_context/long_1: 14 of 16 ranks have no sequence: a step has 2" in done.stdout
