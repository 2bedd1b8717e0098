"""
What decides a training? A recipe, config/recipes/{recipe}.yaml, as one typed value. nano3.config.load reads it and
applies overrides.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    WithJsonSchema,
    model_validator,
)

from nano3.artifact.digest import digest_file, digest_json, short
from nano3.config.curriculum import Category, Chain, Name, Repetition, Segment
from nano3.config.mixture import members
from nano3.config.model import Model
from nano3.core.schema import Closed
from nano3.raw import tokenizers
from nano3.recipes.json_schema import extensible

SAME_TOKENS = {"engine", "checked_documents"}  # keys of the tokenizer that change no token


def _above_zero(share: float) -> float:
    if share <= 0:
        raise ValueError(f"a share must be above 0, not {share:g}: leave it out, in an override with null")
    return share


Share = Annotated[float, AfterValidator(_above_zero), WithJsonSchema({"type": "number", "exclusiveMinimum": 0})]
Fraction = Annotated[float, Field(gt=0, lt=0.25)]
Decay = Annotated[float, Field(gt=0, lt=1)]


class Tokenizer(Closed):
    """How text becomes tokens."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")] = Field(description="Readable name, for paths.")
    path: str | None = Field(
        None,
        description="Folder of the tokenizer (tokenizer.json and its configuration); "
        "by default the one that config/tokenizers/{name}.yaml describes.",
    )
    bos_token: str = Field(description="Token put before each document if add_bos is set.")
    eos_token: str = Field(description="Token put after each document if add_eos is set; Megatron's end of document.")
    add_bos: bool = Field(False, description="Begin each document with bos_token.")
    add_eos: bool = Field(True, description="End each document with eos_token.")
    special_tokens_in_text: Literal["characters", "parse"] = Field(
        "characters", description="A control token spelled out in a text: its characters' tokens, or the control token."
    )
    min_doc_chars: NonNegativeInt = Field(0, description="Drop documents with fewer characters.")
    max_doc_tokens: PositiveInt | None = Field(
        None, description="Cut longer documents to this length, bos_token and eos_token included."
    )
    engine: Literal["auto", "gigatoken", "tokenizers"] = Field(
        "auto",
        description="Encoder. auto: gigatoken where it gives the ids of Hugging Face's tokenizers, else tokenizers, "
        "which is about thirty times slower.",
    )
    checked_documents: NonNegativeInt = Field(
        4,
        description="N: a shard's first N documents are encoded again by tokenizers, and of rows r to 2r about 0.7 N; "
        "as many, beside them, of the documents with a combining mark or a control token spelled out.",
    )

    @model_validator(mode="after")
    def _has_room_for_text(self) -> "Tokenizer":
        least = self.add_bos + self.add_eos + 1
        if self.max_doc_tokens is not None and self.max_doc_tokens < least:
            raise ValueError(
                f"max_doc_tokens: {self.max_doc_tokens} leaves no room for a text beside bos_token and eos_token: "
                f"write {least} or more"
            )
        return self


class Holdout(Closed):
    """Which documents are kept out of training, by a hash of their own text."""

    valid: Fraction = Field(description="Fraction of documents kept for validation.")
    test: Fraction = Field(description="Fraction of documents kept for test.")


class Optimizer(Closed):
    """AdamW."""

    adam_beta1: Decay = Field(description="Decay of the first moment.")
    adam_beta2: Decay = Field(description="Decay of the second moment.")
    adam_eps: PositiveFloat = Field(1e-8, description="Epsilon of the update.")
    weight_decay: NonNegativeFloat = Field(description="Decoupled weight decay of matrices; vectors have none.")
    clip_grad: NonNegativeFloat = Field(description="Largest gradient norm; 0 leaves gradients as they are.")


class LearningRate(Closed):
    """Warm-up, stable, decay: one curve of tokens over phase1 and phase2."""

    peak: PositiveFloat = Field(description="Learning rate after warm-up.")
    floor: NonNegativeFloat = Field(description="Learning rate at the end of the decay.")
    warmup_tokens: NonNegativeInt = Field(description="Tokens of linear warm-up from 0.")
    decay_tokens: NonNegativeInt = Field(description="Tokens of decay at the end of the curve.")
    decay_style: Literal["minus_sqrt", "linear", "cosine", "exponential"] = Field(description="Shape of the decay.")


class Train(Closed):
    """Defaults of every segment."""

    global_batch_size: PositiveInt = Field(description="Sequences per optimizer step.")
    sequence_length: PositiveInt = Field(description="Tokens per sequence.")
    train_iters: PositiveInt | None = Field(
        None,
        description="Steps of phase1 and phase2 together; all token counts of the recipe shrink or grow in proportion.",
    )
    block_tokens: PositiveInt = Field(
        2**24,
        description="Tokens of a shuffle block. The blocks of a dataset are read side by side, which spreads long "
        "documents over an epoch; consecutive shards that are shorter than a block are read as one. At least the "
        "longest sequence, ideally a multiple of all sequence lengths.",
    )
    seed: NonNegativeInt = Field(description="Seed of the initial weights and of the data order.")
    precision: Literal["fp32", "bf16"] = Field(description="Arithmetic of forward and backward pass.")


class Layout(Closed):
    """How the work is laid out on the machine. It does not affect the result."""

    trainer: Literal["cpu", "bridge"] = Field(
        "cpu", description="Trainer: Megatron-Core on CPUs, or Megatron-Bridge on GPUs."
    )
    nodes: PositiveInt = Field(1, description="Machines that train one segment together.")
    processes_per_node: PositiveInt = Field(1, description="Ranks on each machine; one per GPU, if it has GPUs.")
    tensor_model_parallel_size: PositiveInt = Field(1, description="Ranks that share each matrix.")
    pipeline_model_parallel_size: PositiveInt = Field(1, description="Ranks that share the layers, in stages.")
    context_parallel_size: PositiveInt = Field(1, description="Ranks that share each sequence.")
    expert_model_parallel_size: PositiveInt = Field(1, description="Ranks that share the experts.")
    micro_batch_tokens: PositiveInt = Field(description="Most tokens of one forward pass.")
    threads: PositiveInt = Field(description="CPU threads of each rank of the CPU trainer.")

    @property
    def processes(self) -> int:
        """Ranks that train a segment together."""
        return self.nodes * self.processes_per_node


class Phase(Closed):
    """A phase: one mixture of datasets, trained in segments."""

    mixture: dict[str, Share] = Field(
        min_length=1, description="Share of each dataset or category in the samples, any scale."
    )
    without_data: dict[str, Share] = Field(
        {},
        description="Shares, on the mixture's scale, of categories without available data. "
        "They are left out, and the shares of the mixture grow in proportion.",
    )
    max_epochs: PositiveFloat | None = Field(
        None,
        description="Most epochs of any dataset up to the end of this phase, if fewer than the recipe's: "
        "the rest is left to later phases.",
    )
    segments: dict[Name, Segment] = Field({}, description="Segments in the order of training.")
    chain: Chain | None = Field(None, description="Alternating segments, after `segments` if there are any.")
    learning_rate: PositiveFloat | None = Field(None, description="Constant learning rate, off the recipe's curve.")
    frozen: bool = Field(False, description="A run that would retrain this phase stops instead and reports why.")
    layout: Layout | None = Field(None, description="Layout of this phase, if not the recipe's.")

    @model_validator(mode="after")
    def _has_segments(self) -> "Phase":
        turns = self.chain.expanded if self.chain else {}
        if not (self.segments or turns):
            raise ValueError("has neither segments nor a chain: give it one of them")
        if twice := sorted(self.segments.keys() & turns.keys()):
            raise ValueError(f"segments.{twice[0]}: the chain has a segment of that name, too: rename one")
        if both := sorted(self.mixture.keys() & self.without_data.keys()):
            raise ValueError(f"without_data.{both[0]}: has a share in the mixture, too: remove one of them")
        return self

    @property
    def all_segments(self) -> dict[str, Segment]:
        """Every segment by name, in the order of training."""
        return self.segments | (self.chain.expanded if self.chain else {})

    @property
    def tokens(self) -> int:
        """Tokens of the whole phase."""
        return sum(segment.tokens for segment in self.all_segments.values())


class Checkpoint(Closed):
    """Where and how often weights are saved. It does not affect the result."""

    save: str | None = Field(
        None, description="Folder for new weights instead of results/weights, e.g. a scratch disk."
    )
    save_interval: PositiveInt = Field(description="Steps between two checkpoints inside a segment.")


class Evaluation(Closed):
    """How validation loss is measured."""

    tokens: PositiveInt = Field(description="Tokens of each dataset's validation set; at least one sequence.")
    too_small: Literal["fail", "skip"] = Field(
        "fail",
        description="A validation set that is shorter than one sequence: an error before training, or left out.",
    )


class Recipe(Closed):
    """Stage 0 from raw shards to the long-context checkpoint."""

    about: str = Field(description="One sentence: what this recipe is for.")
    sample: NonNegativeInt = Field(0, description="Rows of each dataset to use, the first in catalogue order; 0: all.")
    tokenizer: Tokenizer = Field(description="How text becomes tokens.")
    holdout: Holdout = Field(description="Which documents are kept out of training.")
    model: Model = Field(description="The network.")
    optimizer: Optimizer = Field(description="The optimizer.")
    learning_rate: LearningRate = Field(description="The learning rate over phase1 and phase2.")
    train: Train = Field(description="Batch, sequence length, seed.")
    categories: dict[str, Category] = Field({}, description="Datasets that divide one share, by category.")
    repetition: Repetition | None = Field(None, description="Limits on repeating a dataset; by default none.")
    phases: dict[Name, Phase] = Field(min_length=1, description="Phases in the order of training.")
    evaluation: Evaluation = Field(description="Validation losses.")
    checkpoint: Checkpoint = Field(description="Where and how often weights are saved.")
    layout: Layout = Field(description="How the work is laid out on the machine.")

    @classmethod
    def model_json_schema(cls, *arguments: Any, **options: Any) -> dict[str, Any]:
        """What an editor accepts in a recipe's file, which may leave to another what that says."""
        return extensible(super().model_json_schema(*arguments, **options))

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        constant = [phase.learning_rate is not None for phase in self.phases.values()]
        if constant != sorted(constant):
            raise ValueError("phases: one with a learning_rate of its own must come after those on the curve")
        for phase, name, _, _, length in self.segments():
            if length > self.train.block_tokens:
                raise ValueError(
                    f"train.block_tokens: {self.train.block_tokens:,} is less than the {length:,} tokens of a sequence "
                    f"of phases.{phase}.segments.{name}: raise it"
                )
        curve, total = self.learning_rate, self.curve_tokens
        if curve.floor > curve.peak:
            raise ValueError(f"learning_rate.floor {curve.floor} is above learning_rate.peak {curve.peak}: lower it")
        if curve.warmup_tokens + curve.decay_tokens > total:
            raise ValueError(
                f"learning_rate: warmup_tokens + decay_tokens = {curve.warmup_tokens + curve.decay_tokens:,} "
                f"exceed the {total:,} tokens of the phases on the curve: shorten one of them"
            )
        return self

    @model_validator(mode="after")
    def _segments_have_a_step(self) -> "Recipe":
        for phase, name, segment, batch, length in self.segments():
            if segment.tokens < batch * length and self.train.train_iters is None:
                raise ValueError(
                    f"phases.{phase}: segment {name} has {segment.tokens:,} tokens, less than one batch of "
                    f"{batch:,} x {length:,}: lengthen it"
                )
        return self

    @model_validator(mode="after")
    def _shares_reach_datasets(self) -> "Recipe":
        owner: dict[str, str] = {}
        for name, category in self.categories.items():
            for dataset in category.datasets:
                if dataset in owner or dataset in self.categories:
                    other = f"category {owner[dataset]} has it, too" if dataset in owner else "is a category, too"
                    raise ValueError(f"categories.{name}: {dataset}: {other}: remove it from one")
                owner[dataset] = name
            shared = {key for phase in self.phases.values() for key in phase.mixture}
            if name not in shared and (rest := [dataset for dataset in category.datasets if dataset not in shared]):
                raise ValueError(
                    f"categories.{name}: no phase has a share for it, so {', '.join(rest)} would never be used: "
                    "give it one, or remove it"
                )
        for phase_name, phase in self.phases.items():
            if extra := sorted(phase.without_data.keys() & self.categories.keys()):
                raise ValueError(
                    f"phases.{phase_name}.without_data.{extra[0]}: the category has datasets: move it to the mixture"
                )
        if not self.repetition and (phases := [name for name, phase in self.phases.items() if phase.max_epochs]):
            raise ValueError(f"phases.{phases[0]}.max_epochs: has no effect without repetition: add that section")
        if self.repetition and (unknown := sorted(self.repetition.max_epochs_of.keys() - set(self.datasets))):
            raise ValueError(f"repetition.max_epochs_of.{unknown[0]}: no phase uses such a dataset: remove it")
        return self

    @property
    def curve_tokens(self) -> int:
        """Tokens of the phases that follow the learning-rate curve."""
        return sum(phase.tokens for phase in self.phases.values() if phase.learning_rate is None)

    def segments(self) -> Iterator[tuple[str, str, Segment, int, int]]:
        """All segments in the order of training: phase, name, itself, sequences of a step, tokens of a sequence."""
        train = self.train
        for phase, section in self.phases.items():
            for name, segment in section.all_segments.items():
                batch = segment.global_batch_size or train.global_batch_size
                yield phase, name, segment, batch, segment.sequence_length or train.sequence_length

    @property
    def datasets(self) -> list[str]:
        """All datasets of all phases, sorted."""
        return sorted({dataset for phase in self.phases for dataset in self.datasets_of(phase)})

    def datasets_of(self, phase: str) -> dict[str, str]:
        """A phase's datasets, sorted, each with its category in the recipe or, without one, its own name."""
        return members(
            self.phases[phase].mixture, {name: category.datasets for name, category in self.categories.items()}
        )

    def max_epochs(self, phase: str, dataset: str) -> float | None:
        """Most epochs of a dataset that phases may consume up to the end of this one; None: any number."""
        if self.repetition is None:
            return None
        most, here = self.repetition.most(dataset), self.phases[phase].max_epochs
        return most if here is None else min(most, here)

    def sequence_lengths(self, phase: str) -> list[int]:
        """Tokens of the sequences of a phase's segments, each length once, shortest first."""
        return sorted({length for name, _, _, _, length in self.segments() if name == phase})

    def layout_of(self, phase: str) -> Layout:
        """A phase's layout: its own, or the recipe's."""
        return self.phases[phase].layout or self.layout

    def token_settings(self) -> dict[str, Any]:
        """
        All that decides a shard's tokens except its raw bytes and text column.

        Raises ConfigError if the tokenizer is one of config/tokenizers and not pinned.
        """
        tokenizer = self.tokenizer.model_dump(exclude={"name", "path", *SAME_TOKENS})
        if self.tokenizer.path:
            sha256 = digest_file(self.tokenizer_file)
        else:
            sha256 = self.tokenizer_digests()[tokenizers.DEFINITION]
        return {"tokenizer": tokenizer | {"sha256": sha256}, "holdout": self.holdout.model_dump()}

    def tokenizer_digests(self) -> dict[str, str]:
        """SHA-256 of the tokenizer's files, by name: those of its folder, or the pinned ones."""
        if self.tokenizer.path:
            return {path.name: digest_file(path) for path in tokenizers.files_in(Path(self.tokenizer.path))}
        return {file.name: file.sha256 for file in tokenizers.read_pins(self.tokenizer.name)}

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer.json; one of config/tokenizers exists once it is downloaded."""
        return Path(self.tokenizer.path or tokenizers.folder(self.tokenizer.name)) / tokenizers.DEFINITION

    @property
    def tokens_name(self) -> str:
        """Folder of the tokens under results/tokens: a readable name and a digest of the token settings."""
        name = f"{self.tokenizer.name}-{short(digest_json(self.token_settings()))}"
        return f"{name}-sample{self.sample}" if self.sample else name
