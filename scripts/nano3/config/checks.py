"""
Does a recipe fit the rest of the repository: the catalogue, its tokenizer, the trainers?

What a recipe says in itself is checked by its types, see nano3.config.recipe; what a layout must be is in
nano3.config.parallelism.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from nano3.config.parallelism import check_layouts
from nano3.config.recipe import Recipe
from nano3.core.schema import ConfigError, did_you_mean
from nano3.raw import tokenizers
from nano3.raw.datasets import known_datasets, pins_path, read_dataset
from nano3.raw.tokenizer_json import TokenizerJson

At = Callable[[str], str]  # a dotted key with the file that says it, for an error
SHOWN_TOKENS = 6
AUTO = "auto"
DIVISIBLE_BY = 128  # Megatron-LM's make_vocab_size_divisible_by


def with_vocabulary(values: Mapping[str, Any], at: At) -> dict[str, Any]:
    """
    A recipe's values with a number for `model.vocab_size: auto`: the tokenizer's entries, rounded up to a multiple of
    128 as Megatron pads them. It is not times the ranks that share the embedding, as it is in Megatron: a layout
    decides no result.

    Raises ConfigError if the tokenizer is not on this machine.
    """
    model, tokenizer = values.get("model"), values.get("tokenizer")
    if not isinstance(model, dict) or model.get("vocab_size") != AUTO:
        return {**values}
    entries = 1  # for a tokenizer that is refused in any case
    if isinstance(tokenizer, dict) and isinstance(folder := tokenizer.get("path"), str):
        file = Path(folder) / tokenizers.DEFINITION
        if not file.is_file():
            raise ConfigError(f"{at('tokenizer.path')}: {file} is missing; name a folder that has one")
        entries = TokenizerJson.read(file).entries
    elif isinstance(tokenizer, dict) and isinstance(name := tokenizer.get("name"), str):
        tokenizers.read_tokenizer(name)
        file = tokenizers.folder(name) / tokenizers.DEFINITION
        if not file.is_file():
            raise ConfigError(
                f"{at('model.vocab_size')}: auto counts the entries of {file}, which is not downloaded yet: write "
                "their number, a multiple of 128"
            )
        entries = TokenizerJson.read(file).entries
    return {**values, "model": {**model, "vocab_size": -(-entries // DIVISIBLE_BY) * DIVISIBLE_BY}}


def check(recipe: Recipe, at: At) -> None:
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
            raise ConfigError(f"{at(f'{place}.{dataset}')}: a dataset's name has letters, digits, . _ - only")
        if dataset not in catalogue:
            listing = f"describe it in config/datasets/{dataset}.yaml or use one of: {', '.join(sorted(catalogue))}"
            remedy = did_you_mean(dataset, catalogue, listing)
            raise ConfigError(f"{at(f'{place}.{dataset}')}: no such dataset; {remedy}")
        category = read_dataset(dataset).category
        if place.startswith("categories.") and place != f"categories.{category}":
            raise ConfigError(
                f"{at(place)}: config/datasets/{dataset}.yaml says that {dataset} is of category {category}: "
                "change one of them"
            )
    if recipe.categories:
        _refuse_unreached(recipe, catalogue, at)
    for phase in recipe.phases:
        if recipe.train.precision == "bf16" and recipe.layout_of(phase).trainer == "cpu":
            raise ConfigError(
                f"{at('train.precision')}: the cpu trainer computes in fp32 only: write fp32, or layout.trainer: "
                "bridge, which trains in bf16 on GPUs"
            )
    check_layouts(recipe, at)
    if recipe.tokenizer.path is None:
        tokenizers.read_tokenizer(recipe.tokenizer.name)
    elif not recipe.tokenizer_file.is_file():
        raise ConfigError(f"{at('tokenizer.path')}: {recipe.tokenizer_file} is missing; name a folder that has one")
    if recipe.tokenizer_file.is_file():
        _check_vocabulary(recipe, at)


def _refuse_unreached(recipe: Recipe, catalogue: Iterable[str], at: At) -> None:
    """Raises ConfigError for a dataset that no share reaches, although the recipe uses its category and source."""
    members = {dataset for category in recipe.categories.values() for dataset in category.datasets}
    sources = {read_dataset(dataset).source for dataset in members}
    for dataset in sorted(set(catalogue) - members - set(recipe.datasets)):
        description = read_dataset(dataset)
        if description.category in recipe.categories and description.source in sources:
            raise ConfigError(
                f"{at(f'categories.{description.category}')}: config/datasets/{dataset}.yaml is of this category and "
                f"of {description.source}, which the recipe uses, but no share reaches it: list it there, with a "
                "factor of 0 to leave it out"
            )


def _check_vocabulary(recipe: Recipe, at: At) -> None:
    tokenizer = TokenizerJson.read(recipe.tokenizer_file)
    for key in ("bos_token", "eos_token"):
        token = getattr(recipe.tokenizer, key)
        if token not in tokenizer.ids:
            special = ", ".join(tokenizer.control_tokens([])[:SHOWN_TOKENS])
            remedy = f"it has {special}" if special else "it has no special tokens: name an added token"
            raise ConfigError(f"{at(f'tokenizer.{key}')}: {tokenizer.file} has no token {token!r}; {remedy}")
        plain = recipe.tokenizer.special_tokens_in_text == "characters"
        if plain and getattr(recipe.tokenizer, f"add_{key[:3]}") and token not in tokenizer.control_tokens([token]):
            raise ConfigError(
                f"{at(f'tokenizer.{key}')}: {token!r} is no added token of {tokenizer.file}, so that a text can spell"
                " it out: name one, or write special_tokens_in_text: parse"
            )
    if tokenizer.entries > recipe.model.vocab_size:
        raise ConfigError(
            f"{at('model.vocab_size')}: {recipe.model.vocab_size} is less than the {tokenizer.entries} ids of "
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
