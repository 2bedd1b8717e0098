"""
When do two runs share their artifacts' paths? When they have the same recipe and the same overrides.

An override gives the recipe another name (tiny+1a2b3c4d5e6f), so it never overwrites what it was derived from. An
override that changes nothing, or only where and how the work is done, does not count. Recipe and overrides become one
value, which is checked before any job runs.
"""

import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, Field, NonNegativeInt

from nano3.artifact.digest import differences, digest_json, short
from nano3.config.curriculum import Segment
from nano3.config.parallelism import check_layouts
from nano3.config.recipe import SAME_TOKENS, Recipe
from nano3.core.names import recipe_name
from nano3.core.schema import Closed, ConfigError, did_you_mean, read_yaml, validated
from nano3.raw import tokenizers
from nano3.raw.datasets import known_datasets, pins_path, read_dataset
from nano3.raw.tokenizer_json import TokenizerJson

RECIPES = Path("config/recipes")
SHOWN_TOKENS = 6


class Settings(Closed):
    """The keys of `snakemake --config` and config/config.yaml."""

    recipe: Annotated[str, AfterValidator(recipe_name)] = Field(description="Name of a recipe in config/recipes.")
    set: str = Field("", description="Overrides of recipe values, e.g. 'train.train_iters=50 holdout.valid=0.1'.")
    sample: NonNegativeInt = Field(0, description="Rows of each dataset to use; 0: all.")
    prune: bool = Field(True, description="Plan only shards that are not proven fresh; false shows the whole graph.")
    thaw: str = Field("", description="Frozen phases that this run may retrain, e.g. 'phase1 phase2'.")
    bundles: NonNegativeInt = Field(1000, description="Most jobs for tokenizing many shards; 0: one job per shard.")
    wandb_mode: Literal["online", "offline", "disabled"] = Field(
        "disabled", description="After each run, send what it made to Weights & Biases; WANDB_MODE takes precedence."
    )
    wandb_project: str = Field("nemotron", description="W&B project; WANDB_PROJECT takes precedence.")
    wandb_entity: str = Field("", description="W&B team or user; '': your default. WANDB_ENTITY takes precedence.")
    keep_raw: bool = Field(True, description="Keep downloaded raw shards when their tokens exist.")


def read_settings(config: Mapping[str, Any]) -> Settings:
    """Snakemake's config, typed. Raises ConfigError for an unknown key."""
    return validated(Settings, dict(config), "config/config.yaml or --config")


def load_recipe(
    name: str, overrides: str = "", sample: int = 0, folder: Path = RECIPES, edits: Mapping[str, Any] | None = None
) -> tuple[str, Recipe]:
    """
    The recipe with its overrides, and the name its artifacts go by.

    name: of a recipe, or its file. overrides: space-separated key=value pairs, dotted keys, YAML values:
    "train.train_iters=50 holdout.valid=0.1".
    edits: values by dotted key, applied as if they stood in the recipe's file, so its name stays.
    Raises ConfigError for anything invalid.
    """
    name = recipe_name(name)
    path = folder / f"{name}.yaml"
    if "+" in name and not path.exists():
        base = name.partition("+")[0]
        raise ConfigError(
            f"{path}: no such file: {name} is recipe {base} with overrides: name the recipe and give them again, "
            f'--recipe {base} --set "…", or for snakemake --config recipe={base} set="…"'
        )
    base_source = f"{path} with what-if" if edits else str(path)
    source = f"{base_source} with set={overrides!r}" if overrides else base_source
    plain = _changed(validated(Recipe, read_yaml(path), str(path)), edits or {}, base_source)
    changes = parse_overrides(overrides) | ({"sample": sample} if sample else {})
    recipe = _changed(plain, changes, source)
    identity_changes = {key: value for key, (_, value) in differences(_identity(plain), _identity(recipe)).items()}
    recipe = _scaled(recipe)
    _check(recipe, source)
    return (f"{name}+{short(digest_json(identity_changes))}" if identity_changes else name), recipe


def _changed(recipe: Recipe, changes: Mapping[str, Any], source: str) -> Recipe:
    """The recipe with other values, by dotted key. source: to name in errors."""
    values = recipe.model_dump()
    for key, value in changes.items():
        _assign(values, key, value)
    return validated(Recipe, values, source)


def parse_overrides(text: str) -> dict[str, Any]:
    """Dotted keys to values. Raises ConfigError for a word that is not key=value."""
    changes = {}
    for word in _words(text):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(
                f"set={text!r}: {word!r} is not key=value; write set='train.train_iters=50 holdout.valid=0.1'"
            )
        try:
            changes[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):
            raise ConfigError(f"set={text!r}: {key}: {value!r} is not a YAML value") from None
    return changes


def _words(text: str) -> list[str]:
    """Words as a shell splits them. Snakemake strips a quote from the end of a value, so one may be missing there."""
    try:
        return shlex.split(text)
    except ValueError as error:
        if str(error) != "No closing quotation":
            raise ConfigError(f"set={text!r}: {error}: fix the quotes and backslashes") from None
    try:
        return shlex.split(text + "'")
    except ValueError:
        return shlex.split(text + '"')


def _assign(values: dict[str, Any], key: str, value: Any) -> None:
    """Set a dotted key. Validation refuses unknown ones by name."""
    match = re.fullmatch(r"(.+)\.(mixture|without_data|max_epochs_of)\.(.+)", key)  # a dataset's name may have dots
    *outer, last = [*match[1].split("."), *match.groups()[1:]] if match else key.split(".")
    for part in outer:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"set: {key}: {part} is a value, not a group of keys")
        values = inner
    values[last] = value


def _identity(recipe: Recipe) -> dict[str, Any]:
    """The values that decide the result: not where it is saved, how it is laid out or what it is called."""
    phases = {"__all__": {"frozen", "layout"}}
    return recipe.model_dump(
        exclude={
            "about": True,
            "checkpoint": True,
            "layout": True,
            "tokenizer": SAME_TOKENS,
            "evaluation": {"too_small"},
            "phases": phases,
        }
    )


def _scaled(recipe: Recipe) -> Recipe:
    """The recipe with all token counts in proportion to train.train_iters, if that is set."""
    if recipe.train.train_iters is None:
        return recipe
    target = recipe.train.train_iters * recipe.train.global_batch_size * recipe.train.sequence_length

    def scale(tokens: int) -> int:
        return max(1, round(tokens * target / recipe.curve_tokens)) if tokens else 0

    def scaled(segments: Mapping[str, Segment]) -> dict[str, Segment]:
        return {
            name: segment.model_copy(update={"tokens": scale(segment.tokens)}) for name, segment in segments.items()
        }

    phases = {}
    for name, phase in recipe.phases.items():
        chain = phase.chain and phase.chain.model_copy(update={"segments": scaled(phase.chain.segments)})
        phases[name] = phase.model_copy(update={"segments": scaled(phase.segments), "chain": chain})
    curve = recipe.learning_rate
    lengths = {"warmup_tokens": scale(curve.warmup_tokens), "decay_tokens": scale(curve.decay_tokens)}
    return recipe.model_copy(update={"phases": phases, "learning_rate": curve.model_copy(update=lengths)})


def _check(recipe: Recipe, source: str) -> None:
    """Checks that need the rest of the repository or the rules of Megatron."""
    catalogue = set(known_datasets())
    places = {
        dataset: f"phases.{phase_name}.mixture"
        for phase_name, phase in recipe.phases.items()
        for dataset in phase.mixture
        if dataset not in recipe.categories
    }
    places |= {dataset: f"categories.{name}" for name, each in recipe.categories.items() for dataset in each.datasets}
    for dataset, place in places.items():
        if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", dataset):
            raise ConfigError(f"{source}: {place}.{dataset}: a dataset's name has letters, digits, . _ - only")
        if dataset not in catalogue:
            listing = f"describe it in config/datasets/{dataset}.yaml or use one of: {', '.join(sorted(catalogue))}"
            remedy = did_you_mean(dataset, catalogue, listing)
            raise ConfigError(f"{source}: {place}.{dataset}: no such dataset; {remedy}")
        category = read_dataset(dataset).category
        if place.startswith("categories.") and place != f"categories.{category}":
            raise ConfigError(
                f"{source}: {place}: config/datasets/{dataset}.yaml says that {dataset} is of category {category}: "
                "change one of them"
            )
    if recipe.categories:
        _refuse_unreached(recipe, catalogue, source)
    for phase in recipe.phases:
        if recipe.train.precision == "bf16" and recipe.layout_of(phase).trainer == "cpu":
            raise ConfigError(
                f"{source}: train.precision: the cpu trainer computes in fp32 only: write fp32, or layout.trainer: "
                "bridge, which trains in bf16 on GPUs"
            )
    check_layouts(recipe, source)
    if recipe.tokenizer.path is None:
        tokenizers.read_tokenizer(recipe.tokenizer.name)
    elif not recipe.tokenizer_file.is_file():
        raise ConfigError(f"{source}: tokenizer.path: {recipe.tokenizer_file} is missing; name a folder that has one")
    if recipe.tokenizer_file.is_file():
        _check_vocabulary(recipe, source)


def _refuse_unreached(recipe: Recipe, catalogue: Iterable[str], source: str) -> None:
    """Raises ConfigError for a dataset that no share reaches, although the recipe uses its category and source."""
    members = {dataset for category in recipe.categories.values() for dataset in category.datasets}
    sources = {read_dataset(dataset).source for dataset in members}
    for dataset in sorted(set(catalogue) - members - set(recipe.datasets)):
        description = read_dataset(dataset)
        if description.category in recipe.categories and description.source in sources:
            raise ConfigError(
                f"{source}: categories.{description.category}: config/datasets/{dataset}.yaml is of this category and "
                f"of {description.source}, which the recipe uses, but no share reaches it: list it there, with a "
                "factor of 0 to leave it out"
            )


def _check_vocabulary(recipe: Recipe, source: str) -> None:
    tokenizer = TokenizerJson.read(recipe.tokenizer_file)
    for key in ("bos_token", "eos_token"):
        token = getattr(recipe.tokenizer, key)
        if token not in tokenizer.ids:
            special = ", ".join(tokenizer.control_tokens([])[:SHOWN_TOKENS])
            remedy = f"it has {special}" if special else "it has no special tokens: name an added token"
            raise ConfigError(f"{source}: tokenizer.{key}: {tokenizer.file} has no token {token!r}; {remedy}")
        plain = recipe.tokenizer.special_tokens_in_text == "characters"
        if plain and getattr(recipe.tokenizer, f"add_{key[:3]}") and token not in tokenizer.control_tokens([token]):
            raise ConfigError(
                f"{source}: tokenizer.{key}: {token!r} is no added token of {tokenizer.file}, so that a text can spell"
                " it out: name one, or write special_tokens_in_text: parse"
            )
    if tokenizer.entries > recipe.model.vocab_size:
        raise ConfigError(
            f"{source}: model.vocab_size: {recipe.model.vocab_size} is less than the {tokenizer.entries} ids of "
            f"{tokenizer.file}, up to {tokenizer.entries - 1}: raise it"
        )


def unpinned(recipe: Recipe) -> list[str]:
    """The recipe's datasets that are not pinned, or pinned at an abbreviated commit."""
    return [name for name in recipe.datasets if not pins_path(name).is_file() or read_dataset(name).abbreviated]


def unpinned_tokenizer(recipe: Recipe) -> list[str]:
    """The recipe's tokenizer if it is one of the Hub that is not pinned."""
    tokenizer = recipe.tokenizer
    return [tokenizer.name] if tokenizer.path is None and not tokenizers.pins_path(tokenizer.name).is_file() else []


def require_pins(name: str, recipe: Recipe) -> None:
    """Raises ConfigError, in one sentence, unless all of a recipe is pinned; tokenizing needs the pins."""
    datasets, tokenizer = unpinned(recipe), unpinned_tokenizer(recipe)
    if len(datasets) == 1 and not tokenizer:
        raise ConfigError(
            f"{pins_path(datasets[0])}: dataset {datasets[0]} is not pinned: run `nano3 pin {datasets[0]}`"
        )
    missing = [f"tokenizer {each}" for each in tokenizer]
    if datasets:
        missing.append(f"{len(datasets)} of its {len(recipe.datasets)} datasets")
    if missing:
        raise ConfigError(
            f"config/recipes/{name}.yaml: {' and '.join(missing)} {'are' if datasets else 'is'} not pinned: "
            f"run `nano3 pin --recipe {name}`"
        )
