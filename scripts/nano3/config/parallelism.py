"""
Can Megatron train this model, batch and sequence length on these ranks, and does every GPU have work?

A layout that Megatron refuses fails only after the wait for a cluster; one that it silently rounds down is worse (52
layers on 3 stages train 51). So every rule is checked when the recipe is read, and names the code of Megatron-Core
0.16.1 or Megatron-Bridge 0.3.1 that requires it. Sequence parallelism is on wherever matrices are shared, and experts
are whole (expert tensor parallelism is 1), as in Bridge's recipe of the model.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from nano3.config.model import Model
from nano3.config.recipe import Layout, Recipe
from nano3.core.schema import ConfigError


@dataclass(frozen=True)
class ParallelPlan:
    """A segment on its ranks. batch: sequences of an optimizer step. length: tokens of a sequence."""

    layout: Layout
    model: Model
    batch: int
    length: int
    world: int

    @property
    def tp(self) -> int:
        """Ranks that share each matrix."""
        return self.layout.tensor_model_parallel_size

    @property
    def pp(self) -> int:
        """Pipeline stages."""
        return self.layout.pipeline_model_parallel_size

    @property
    def cp(self) -> int:
        """Ranks that share each sequence."""
        return self.layout.context_parallel_size

    @property
    def ep(self) -> int:
        """Ranks that share the experts."""
        return self.layout.expert_model_parallel_size

    @property
    def model_ranks(self) -> int:
        """Ranks that hold one copy of the model and share each of its sequences."""
        return self.tp * self.pp * self.cp

    @property
    def data_parallel(self) -> int:
        """Copies of the model, each with its own sequences."""
        return self.world // self.model_ranks

    @property
    def sequences(self) -> int:
        """Sequences of each copy in a step; with the cpu trainer, the most: some may have one fewer, or none."""
        return -(-self.batch // self.data_parallel)

    @property
    def micro_batch(self) -> int:
        """Sequences of one forward pass: as many as micro_batch_tokens allows; for bridge, a divisor of a copy's."""
        most = min(max(1, self.layout.micro_batch_tokens // self.length), self.sequences)
        if self.layout.trainer == "cpu":
            return most
        return max(size for size in range(1, most + 1) if self.sequences % size == 0)

    @property
    def micro_batches(self) -> int:
        """Forward passes of a copy in a step; the cpu trainer's last one may be smaller."""
        return -(-self.sequences // self.micro_batch)

    @property
    def tokens_per_rank(self) -> float:
        """Tokens of a step for each rank, as if no rank shared a sequence or a matrix."""
        return self.batch * self.length / self.world

    @property
    def bubble(self) -> float:
        """Fraction of a step that a stage waits for the others: (stages - 1) / (micro-batches + stages - 1)."""
        return (self.pp - 1) / (self.micro_batches + self.pp - 1)

    @property
    def idle(self) -> float:
        """Fraction of a step that ranks wait, on average: in the bubble, or because others have more sequences."""
        return 1 - self.batch / (self.data_parallel * self.sequences) * (1 - self.bubble)


@dataclass(frozen=True)
class Rule:
    """A condition on a plan. key: of the recipe; says: how it is broken; source: the code that requires it."""

    key: str
    holds: Callable[[ParallelPlan], bool]
    says: str
    source: str

    def breach(self, parallel_plan: ParallelPlan) -> str:
        """The broken rule in words, with the numbers."""
        return f"{self.says.format(p=parallel_plan, m=parallel_plan.model)} ({self.source})"


def _divides(part: int, whole: int) -> bool:
    return whole % part == 0


TP, PP, CP, EP = (f"{name}_parallel_size" for name in ("tensor_model", "pipeline_model", "context", "expert_model"))

# Ordered: a later rule may rely on an earlier one.
RULES = (
    Rule(
        "nodes",
        lambda p: _divides(p.model_ranks, p.world),
        "{p.world} ranks are not a multiple of {p.tp} x {p.pp} x {p.cp} = {p.model_ranks}, the ranks of one copy of "
        "the model (tensor x pipeline x context): use a multiple, or smaller sizes",
        "megatron/core/parallel_state.py, initialize_model_parallel",
    ),
    Rule(
        EP,
        lambda p: _divides(p.ep * p.pp, p.world),
        "{p.world} ranks are not a multiple of {p.ep} x {p.pp}, expert x pipeline",
        "megatron/core/parallel_state.py, initialize_model_parallel",
    ),
    Rule(
        EP,
        lambda p: _divides(p.ep, p.model.num_moe_experts),
        "{m.num_moe_experts} experts can't be shared evenly by {p.ep} ranks",
        "megatron/core/transformer/moe/moe_layer.py, BaseMoELayer",
    ),
    Rule(
        TP,
        lambda p: _divides(p.tp, p.model.num_attention_heads),
        "{m.num_attention_heads} attention heads can't be shared evenly by {p.tp} ranks",
        "megatron/core/transformer/transformer_config.py, TransformerConfig",
    ),
    Rule(
        TP,
        lambda p: _divides(p.tp, p.model.num_query_groups) or _divides(p.model.num_query_groups, p.tp),
        "{p.tp} is neither a divisor nor a multiple of the {m.num_query_groups} query groups",
        "megatron/core/transformer/transformer_config.py, TransformerConfig",
    ),
    Rule(
        TP,
        lambda p: _divides(p.tp, p.model.mamba_num_heads),
        "{m.mamba_num_heads} Mamba heads can't be shared evenly by {p.tp} ranks",
        "megatron/core/ssm/mamba_mixer.py, MambaMixer",
    ),
    Rule(
        TP,
        lambda p: _divides(p.tp, p.model.mamba_num_groups),
        "{m.mamba_num_groups} Mamba groups can't be shared evenly by {p.tp} ranks",
        "megatron/core/ssm/mamba_mixer.py, MambaMixer",
    ),
    Rule(
        TP,
        lambda p: _divides(p.tp, p.model.moe_shared_expert_intermediate_size),
        "{p.tp} ranks can't share the {m.moe_shared_expert_intermediate_size} channels of the shared expert evenly",
        "megatron/core/tensor_parallel/layers.py, ColumnParallelLinear",
    ),
    Rule(
        TP,
        lambda p: _divides(p.tp, p.model.vocab_size),
        "{p.tp} ranks can't share a vocabulary of {m.vocab_size} entries evenly: make model.vocab_size a multiple of "
        "it: Bridge does not pad a given size",
        "megatron/core/tensor_parallel/utils.py, VocabUtility; megatron/bridge/training/setup.py, "
        "_validate_and_set_vocab_size",
    ),
    Rule(
        CP,
        lambda p: _divides(p.cp, p.model.mamba_num_heads // p.tp),
        "the {m.mamba_num_heads} / {p.tp} Mamba heads of a rank can't be shared evenly by {p.cp} ranks",
        "megatron/core/ssm/mamba_context_parallel.py, MambaContextParallel",
    ),
    Rule(
        CP,
        lambda p: _divides(p.cp, p.model.mamba_num_groups // p.tp) or _divides(p.model.mamba_num_groups // p.tp, p.cp),
        "{p.cp} is neither a divisor nor a multiple of the {m.mamba_num_groups} / {p.tp} Mamba groups of a rank",
        "megatron/core/ssm/mamba_context_parallel.py, MambaContextParallel",
    ),
    Rule(
        PP,
        lambda p: _divides(p.pp, len(p.model.hybrid_override_pattern)),
        "the layers of {m.hybrid_override_pattern} can't be cut into {p.pp} equal stages, and Megatron would "
        "silently leave the last ones out",
        "megatron/core/ssm/mamba_block.py, _select_layers_for_pipeline_parallel",
    ),
    Rule(
        "sequence_length",
        lambda p: p.cp == 1 or _divides(2 * p.cp, p.length),
        "{p.length} tokens are not a multiple of 2 x {p.cp}: each of {p.cp} ranks gets a piece from the front and one "
        "from the back",
        "megatron/core/utils.py, get_batch_on_this_cp_rank; megatron/bridge/training/config.py, "
        "ConfigContainer.validate",
    ),
    Rule(
        "sequence_length",
        lambda p: _divides(p.tp, p.length // p.cp),
        "the {p.length} / {p.cp} tokens of a rank can't be shared evenly by {p.tp} ranks, as sequence parallelism does",
        "megatron/core/tensor_parallel/mappings.py, _reduce_scatter_along_first_dim",
    ),
    Rule(
        "global_batch_size",
        lambda p: _divides(p.data_parallel, p.batch),
        "{p.batch} sequences can't be shared evenly by {p.data_parallel} copies of the model ({p.world} ranks / "
        "{p.model_ranks})",
        "megatron/core/num_microbatches_calculator.py, ConstantNumMicroBatchesCalculator",
    ),
    Rule(
        "micro_batch_tokens",
        lambda p: p.micro_batches >= p.pp,
        "a copy of the model has {p.micro_batches} micro-batches for {p.pp} pipeline stages, so some GPUs would "
        "always wait: use smaller micro-batches or fewer ranks",
        "ours: Megatron would train",
    ),
)
CPU_RULE = Rule(
    "trainer",
    lambda p: p.model_ranks == p.ep == 1,
    "the cpu trainer distributes sequences only: set tensor, pipeline, context and expert parallel sizes to 1, or "
    "use bridge",
    "nano3/training/cpu/trainer.py",
)


def broken(parallel_plan: ParallelPlan) -> Rule | None:
    """The first rule that a plan breaks, if any."""
    rules = RULES if parallel_plan.layout.trainer == "bridge" else (CPU_RULE,)
    return next((rule for rule in rules if not rule.holds(parallel_plan)), None)


def parallel_plans(recipe: Recipe) -> Iterator[tuple[str, str, ParallelPlan]]:
    """Every segment of a recipe on its ranks: phase, segment, plan."""
    for phase, name, _, batch, length in recipe.segments():
        layout = recipe.layout_of(phase)
        yield phase, name, ParallelPlan(layout, recipe.model, batch, length, layout.processes)


def check_layouts(recipe: Recipe, at: Callable[[str], str]) -> None:
    """
    Raises ConfigError for the first segment that can't be trained as it is laid out.

    at: a dotted key of the recipe with the file that says it, for the error.
    """
    for phase, segment, parallel_plan in parallel_plans(recipe):
        if rule := broken(parallel_plan):
            key = _key(recipe, phase, segment, rule)
            raise ConfigError(f"{at(key)}: for {phase}/{segment}, {rule.breach(parallel_plan)}")


def worlds(parallel_plan: ParallelPlan, most: int = 1 << 16) -> list[int]:
    """All numbers of ranks, up to `most`, that can train a segment with its parallel sizes."""
    sizes = range(
        parallel_plan.model_ranks,
        min(most, parallel_plan.model_ranks * parallel_plan.batch) + 1,
        parallel_plan.model_ranks,
    )
    return [size for size in sizes if broken(replace(parallel_plan, world=size)) is None]


def _key(recipe: Recipe, phase: str, segment: str, rule: Rule) -> str:
    """The recipe's key that a rule is about."""
    if rule.key in ("global_batch_size", "sequence_length"):
        own = getattr(recipe.phases[phase].all_segments[segment], rule.key) is not None
        return f"phases.{phase}.segments.{segment}.{rule.key}" if own else f"train.{rule.key}"
    return f"{f'phases.{phase}.' if recipe.phases[phase].layout else ''}layout.{rule.key}"
