"""
A recipe: all that decides what is trained, as one typed value. config/recipes/{recipe}.yaml plus overrides.

When do two runs share their artifacts' paths? When they have the same recipe and the same overrides. An override gives
the recipe another name (tiny+1a2b3c4d5e6f): it never overwrites what it was derived from. An override that changes
nothing, or only where and how the work is done, is none.
"""

import json
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, NonNegativeFloat, NonNegativeInt, PositiveFloat, PositiveInt, model_validator

from nano3.catalog import known_datasets, read_dataset, read_pins
from nano3.digest import digest_file, digest_json, short
from nano3.schema import Closed, ConfigError, read_yaml, validated

RECIPES = Path("config/recipes")
SAME_TOKENS = {"engine", "checked_documents"}  # keys of the tokenizer that change no token

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Share = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(gt=0, lt=0.25)]
Decay = Annotated[float, Field(gt=0, lt=1)]


class Tokenizer(Closed):
    """How text becomes tokens."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")] = Field(description="Readable name, for paths.")
    path: str = Field(description="Folder of the tokenizer (tokenizer.json and its configuration).")
    bos_token: str = Field(description="Token put before each document if add_bos is set.")
    eos_token: str = Field(description="Token put after each document if add_eos is set; Megatron's end of document.")
    add_bos: bool = Field(False, description="Begin each document with bos_token.")
    add_eos: bool = Field(True, description="End each document with eos_token.")
    special_tokens_in_text: Literal["characters", "parse"] = Field(
        "characters", description="A control token spelled out in a text: its characters' tokens, or the control token."
    )
    min_doc_chars: NonNegativeInt = Field(0, description="Drop documents with fewer characters.")
    max_doc_tokens: PositiveInt | None = Field(
        None, description="Cut longer documents, counting the tokens before and after, which stay."
    )
    engine: Literal["gigatoken", "tokenizers"] = Field(
        "gigatoken", description="What encodes; tokenizers is for a tokenizer that gigatoken can't load."
    )
    checked_documents: NonNegativeInt = Field(
        16, description="First, and as many random documents of a shard that are encoded again by tokenizers."
    )


class Holdout(Closed):
    """Which documents are kept out of training, by a hash of their own text."""

    valid: Fraction = Field(description="Fraction of documents kept for validation.")
    test: Fraction = Field(description="Fraction of documents kept for test.")


class Model(Closed):
    """A hybrid of Mamba-2, attention and mixture-of-experts layers; the names are Megatron-Core's."""

    hybrid_override_pattern: str = Field(pattern=r"^[ME*]+$", description="Layers: M Mamba-2, * attention, E MoE.")
    vocab_size: PositiveInt = Field(description="Entries of the embedding; at least the tokenizer's.")
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
                raise ValueError(f"{many} {getattr(self, many)} is no multiple of {few} {getattr(self, few)}")
        return self


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
    """What holds for every segment that does not say otherwise."""

    global_batch_size: PositiveInt = Field(description="Sequences per optimizer step.")
    sequence_length: PositiveInt = Field(description="Tokens per sequence.")
    train_iters: PositiveInt | None = Field(
        None,
        description="Steps of phase1 and phase2 together; all token counts of the recipe shrink or grow in proportion.",
    )
    seed: NonNegativeInt = Field(description="Seed of the initial weights and of the data order.")
    precision: Literal["fp32"] = Field(description="Arithmetic of forward and backward pass.")


class Segment(Closed):
    """A stretch of a phase that ends in a checkpoint of its own."""

    tokens: PositiveInt = Field(description="Tokens to train on.")
    global_batch_size: PositiveInt | None = Field(None, description="Sequences per step, if not the recipe's.")
    sequence_length: PositiveInt | None = Field(None, description="Tokens per sequence, if not the recipe's.")


class Phase(Closed):
    """A phase: one mixture of datasets, trained in segments."""

    mixture: dict[str, Share] = Field(min_length=1, description="Share of each dataset in the samples, any scale.")
    segments: dict[Name, Segment] = Field(min_length=1, description="Segments in the order of training.")
    learning_rate: PositiveFloat | None = Field(None, description="Constant learning rate, off the recipe's curve.")

    @property
    def tokens(self) -> int:
        """Tokens of the whole phase."""
        return sum(segment.tokens for segment in self.segments.values())


class Checkpoint(Closed):
    """Where and how often weights are saved. Decides nothing about the result."""

    save: str | None = Field(
        None, description="Folder for new weights instead of results/weights, e.g. a scratch disk."
    )
    save_interval: PositiveInt = Field(description="Steps between two checkpoints inside a segment.")


class Layout(Closed):
    """How the work is laid out on the machine. Decides nothing about the result."""

    micro_batch_tokens: PositiveInt = Field(description="Most tokens of one forward pass.")
    threads: PositiveInt = Field(description="CPU threads of the CPU trainer.")


class Evaluation(Closed):
    """How the loss on held-out documents is measured."""

    tokens: PositiveInt = Field(description="Tokens of each dataset's validation set; at least one sequence.")


class Recipe(Closed):
    """Stage 0 from raw shards to the long-context checkpoint."""

    about: str = Field(description="One sentence: what this recipe is for.")
    sample: NonNegativeInt = Field(0, description="Rows to take of each dataset, the first in catalogue order; 0: all.")
    tokenizer: Tokenizer = Field(description="How text becomes tokens.")
    holdout: Holdout = Field(description="Which documents are kept out of training.")
    model: Model = Field(description="The network.")
    optimizer: Optimizer = Field(description="The optimizer.")
    learning_rate: LearningRate = Field(description="The learning rate over phase1 and phase2.")
    train: Train = Field(description="Batch, sequence length, seed.")
    phases: dict[Name, Phase] = Field(min_length=1, description="Phases in the order of training.")
    evaluation: Evaluation = Field(description="Held-out losses.")
    checkpoint: Checkpoint = Field(description="Where and how often weights are saved.")
    layout: Layout = Field(description="How the work is laid out on the machine.")

    @model_validator(mode="after")
    def _fits_together(self) -> "Recipe":
        constant = [phase.learning_rate is not None for phase in self.phases.values()]
        if constant != sorted(constant):
            raise ValueError("phases: one with a learning_rate of its own must come after those on the curve")
        curve, total = self.learning_rate, self.curve_tokens
        if curve.floor > curve.peak:
            raise ValueError(f"learning_rate.floor {curve.floor} is above learning_rate.peak {curve.peak}: lower it")
        if curve.warmup_tokens + curve.decay_tokens > total:
            raise ValueError(
                f"learning_rate: warmup_tokens + decay_tokens = {curve.warmup_tokens + curve.decay_tokens:,} "
                f"exceed the {total:,} tokens of the phases on the curve: shorten one of them"
            )
        return self

    @property
    def curve_tokens(self) -> int:
        """Tokens of the phases that follow the learning-rate curve."""
        return sum(phase.tokens for phase in self.phases.values() if phase.learning_rate is None)

    @property
    def datasets(self) -> list[str]:
        """All datasets of all phases, sorted."""
        return sorted({dataset for phase in self.phases.values() for dataset in phase.mixture})

    def token_settings(self) -> dict[str, Any]:
        """All but the raw bytes and the text column that decides which tokens a shard becomes."""
        tokenizer = self.tokenizer.model_dump(exclude={"name", "path", *SAME_TOKENS})
        return {
            "tokenizer": tokenizer | {"sha256": digest_file(self.tokenizer_file)},
            "holdout": self.holdout.model_dump(),
        }

    @property
    def tokenizer_file(self) -> Path:
        """The tokenizer.json."""
        return Path(self.tokenizer.path) / "tokenizer.json"

    @property
    def tokens_name(self) -> str:
        """Folder of the tokens under results/tokens: a readable name and a digest of what they were made with."""
        name = f"{self.tokenizer.name}-{short(digest_json(self.token_settings()))}"
        return f"{name}-sample{self.sample}" if self.sample else name


def load_recipe(name: str, overrides: str = "", sample: int = 0, folder: Path = RECIPES) -> tuple[str, Recipe]:
    """
    The recipe with its overrides, and the name its artifacts go by.

    overrides: space-separated key=value pairs, dotted keys, YAML values: "train.train_iters=50 holdout.valid=0.1".
    Raises ConfigError if anything in it can't be meant: before any job runs.
    """
    path = folder / f"{name}.yaml"
    written = read_yaml(path)
    plain = validated(Recipe, written, str(path))
    changes = parse_overrides(overrides) | ({"sample": sample} if sample else {})
    values = plain.model_dump()
    for key, value in changes.items():
        _assign(values, key, value)
    recipe = validated(Recipe, values, f"{path} with set={overrides!r}" if overrides else str(path))
    changed = _changed(_identity(plain), _identity(recipe))
    recipe = _scaled(recipe)
    _check(recipe, str(path))
    return (f"{name}+{short(digest_json(changed))}" if changed else name), recipe


def parse_overrides(text: str) -> dict[str, Any]:
    """Dotted keys to values. Raises ConfigError for a word that is not key=value."""
    changes = {}
    words = _words(text)
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"set={text!r}: {word!r} is not key=value; write set='train.train_iters=50 holdout.valid=0.1'"
            )
        try:
            changes[key] = yaml.safe_load(value)
        except yaml.YAMLError:
            raise ConfigError(f"set={text!r}: {key}: {value!r} is not a YAML value") from None
    return changes


def _words(text: str) -> list[str]:
    """As a shell would split it. Snakemake takes a quote off the end of a value, so one may be missing there."""
    for ending in ("", "'", '"'):
        try:
            return shlex.split(text + ending)
        except ValueError:
            continue
    raise ConfigError(f"set={text!r}: a quote is never closed: mend the quotes")


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key. What is not in the schema is left for validation to refuse by name."""
    before, mixture, dataset = key.partition(".mixture.")  # a dataset's name may have dots
    *outer, last = [*before.split("."), "mixture", dataset] if mixture else key.split(".")
    for part in outer:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"set: {key}: {part} is a value, not a group of keys")
        values = inner
    values[last] = value


def _identity(recipe: Recipe) -> dict[str, Any]:
    """What decides the result: not where it is saved, nor how it is laid out, nor what it is called."""
    return recipe.model_dump(exclude={"about": True, "checkpoint": True, "layout": True, "tokenizer": SAME_TOKENS})


def _changed(before: Any, after: Any, key: str = "") -> dict[str, Any]:
    """Values that differ, by dotted key; None where there is none any more."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {} if before == after else {key: after}
    parts: dict[str, Any] = {}
    for name in before.keys() | after.keys():
        parts |= _changed(before.get(name), after.get(name), f"{key}.{name}")
    return parts


def _scaled(recipe: Recipe) -> Recipe:
    """The recipe with all token counts in proportion to train.train_iters, if that is set."""
    if recipe.train.train_iters is None:
        return recipe
    wanted = recipe.train.train_iters * recipe.train.global_batch_size * recipe.train.sequence_length

    def scale(tokens: int) -> int:
        return max(1, round(tokens * wanted / recipe.curve_tokens)) if tokens else 0

    phases = {
        name: phase.model_copy(
            update={
                "segments": {
                    key: segment.model_copy(update={"tokens": scale(segment.tokens)})
                    for key, segment in phase.segments.items()
                }
            }
        )
        for name, phase in recipe.phases.items()
    }
    curve = recipe.learning_rate
    shrunk = {"warmup_tokens": scale(curve.warmup_tokens), "decay_tokens": scale(curve.decay_tokens)}
    return recipe.model_copy(update={"phases": phases, "learning_rate": curve.model_copy(update=shrunk)})


def _check(recipe: Recipe, source: str) -> None:
    """What can only be seen with the rest of the repository at hand."""
    for phase_name, phase in recipe.phases.items():
        for dataset in phase.mixture:
            if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", dataset):
                raise ConfigError(
                    f"{source}: phases.{phase_name}.mixture.{dataset}: a dataset's name has letters, digits, . _ - only"
                )
            if dataset not in known_datasets():
                raise ConfigError(
                    f"{source}: phases.{phase_name}.mixture.{dataset}: no such dataset; "
                    f"describe it in config/datasets/{dataset}.yaml or use one of: {', '.join(known_datasets())}"
                )
    for dataset in recipe.datasets:
        read_dataset(dataset)
        read_pins(dataset)
    if not recipe.tokenizer_file.is_file():
        raise ConfigError(f"{source}: tokenizer.path: {recipe.tokenizer_file} is missing; name a folder that has one")
    vocabulary = read_vocabulary(recipe.tokenizer_file)
    for key in ("bos_token", "eos_token"):
        token = getattr(recipe.tokenizer, key)
        if token not in vocabulary:
            raise ConfigError(f"{source}: tokenizer.{key}: {recipe.tokenizer_file} has no token {token!r}")
    if (entries := max(vocabulary.values()) + 1) > recipe.model.vocab_size:
        raise ConfigError(
            f"{source}: model.vocab_size: {recipe.model.vocab_size} is less than the {entries} entries of "
            f"{recipe.tokenizer_file}: raise it"
        )


def read_vocabulary(file: Path) -> dict[str, int]:
    """Ids of all tokens of a tokenizer.json, added ones included. Raises ConfigError if it is not one."""
    try:
        definition = json.loads(file.read_text(encoding="utf-8"))
        added = {token["content"]: token["id"] for token in definition["added_tokens"]}
        return {**definition["model"]["vocab"], **added}
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigError(f"{file}: not a tokenizer.json of Hugging Face's tokenizers: {error!r}") from None


class Settings(Closed):
    """What `snakemake --config` and config/config.yaml may say."""

    recipe: str = Field(description="Name of a recipe in config/recipes.")
    set: str = Field("", description="Overrides of recipe values, e.g. 'train.train_iters=50 holdout.valid=0.1'.")
    sample: NonNegativeInt = Field(0, description="Rows to take of each dataset; 0: all.")


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Snakemake's config, typed. Raises ConfigError for a key that does not exist."""
    return validated(Settings, dict(config), "config/config.yaml or --config")
