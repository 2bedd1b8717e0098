"""
When do two runs share their artifacts' paths? When they have the same recipe and the same overrides.

An override gives the recipe another name (tiny+1a2b3c4d5e6f), so it never overwrites what it was derived from. An
override that changes nothing, or only where and how the work is done, does not count. Recipe and overrides become one
value, which is checked before any job runs.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, NonNegativeInt

from nano3.artifact.digest import differences, digest_json, short
from nano3.config.checks import check, with_vocabulary
from nano3.config.curriculum import Segment
from nano3.config.recipe import SAME_TOKENS, Recipe
from nano3.core.names import recipe_name
from nano3.core.schema import Closed, ConfigError, validated
from nano3.recipes.extends import Composition, read_composition
from nano3.recipes.overrides import changed, parse_overrides

RECIPES = Path("config/recipes")
OVERRIDE, SAMPLE, WHAT_IF = "--set", "--sample", "--what-if"  # how a value was given
MOST = 3  # missing sections from which on a recipe is taken for one that was meant to extend another


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


@dataclass(frozen=True)
class Loaded:
    """
    A recipe as it is asked for. name: that its artifacts go by. recipe: with its token counts in proportion to
    train.train_iters. said: before that. composition: where each value is from. changes: what overrides changed of what
    decides a result, by dotted key: the value without them, and with them.
    """

    name: str
    recipe: Recipe
    said: Recipe
    composition: Composition
    changes: Mapping[str, tuple[Any, Any]]


def load_recipe(
    name: str, overrides: str = "", sample: int = 0, folder: Path = RECIPES, edits: Mapping[str, Any] | None = None
) -> tuple[str, Recipe]:
    """The name that a recipe's artifacts go by, and the recipe; see load."""
    loaded = load(name, overrides, sample, folder, edits)
    return loaded.name, loaded.recipe


def load(
    name: str, overrides: str = "", sample: int = 0, folder: Path = RECIPES, edits: Mapping[str, Any] | None = None
) -> Loaded:
    """
    A recipe with what it extends and with its overrides.

    name: of a recipe, or its file. overrides: space-separated key=value pairs, dotted keys, YAML values:
    "train.train_iters=50 holdout.valid=0.1".
    edits: values by dotted key, applied as if they stood in the recipe's file, so its name stays.
    Raises ConfigError for anything invalid.
    """
    name = recipe_name(name)
    if "+" in name and not (folder / f"{name}.yaml").exists():
        base = name.partition("+")[0]
        raise ConfigError(
            f"{folder / name}.yaml: no such file: {name} is recipe {base} with overrides: name the recipe and give "
            f'them again, --recipe {base} --set "…", or for snakemake --config recipe={base} set="…"'
        )
    composition = read_composition(name, folder)
    _refuse_bare(composition)
    plain = _typed(composition, "")
    note = ""
    if edits:
        note = " with what-if"
        composition = changed(composition, edits, WHAT_IF)
        plain = _typed(composition, note)
    recipe = plain
    if overrides or sample:
        note += f" with set={overrides!r}" if overrides else ""
        composition = changed(composition, parse_overrides(overrides), OVERRIDE)
        composition = changed(composition, {"sample": sample} if sample else {}, SAMPLE)
        recipe = _typed(composition, note)
    whole = scaled(recipe)
    check(whole, lambda key: f"{composition.file(key)}{note}: {key}")
    identity_changes = differences(_identity(plain), _identity(recipe))
    if identity_changes:
        name += f"+{short(digest_json({key: value for key, (_, value) in identity_changes.items()}))}"
    return Loaded(name, whole, recipe, composition, identity_changes)


def _typed(composition: Composition, note: str) -> Recipe:
    """The recipe that values make. note: for errors, how they differ from those of the files."""

    def file(key: str) -> str:
        return f"{composition.file(key)}{note}"

    values = with_vocabulary(composition.values, lambda key: f"{file(key)}: {key}")
    return validated(Recipe, values, file)


def _refuse_bare(composition: Composition) -> None:
    """Raises ConfigError for a recipe that lacks most sections and extends none that has them."""
    required = [name for name, field in Recipe.model_fields.items() if field.is_required()]
    missing = [name for name in required if name not in composition.values]
    if len(missing) >= MOST and len(composition.files) == 1:
        raise ConfigError(
            f"{composition.files[0]}: has no {', '.join(missing[:-1])} and {missing[-1]}: write `extends: tiny` at its "
            "beginning, which takes from recipe tiny what it does not say, or write them all"
        )


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


def scaled(recipe: Recipe) -> Recipe:
    """The recipe with all token counts in proportion to train.train_iters, if that is set."""
    if recipe.train.train_iters is None:
        return recipe
    target = recipe.train.train_iters * recipe.train.global_batch_size * recipe.train.sequence_length

    def scale(tokens: int) -> int:
        return max(1, round(tokens * target / recipe.curve_tokens)) if tokens else 0

    def shortened(segments: Mapping[str, Segment]) -> dict[str, Segment]:
        return {
            name: segment.model_copy(update={"tokens": scale(segment.tokens)}) for name, segment in segments.items()
        }

    phases = {}
    for name, phase in recipe.phases.items():
        chain = phase.chain and phase.chain.model_copy(update={"segments": shortened(phase.chain.segments)})
        phases[name] = phase.model_copy(update={"segments": shortened(phase.segments), "chain": chain})
    curve = recipe.learning_rate
    lengths = {"warmup_tokens": scale(curve.warmup_tokens), "decay_tokens": scale(curve.decay_tokens)}
    return recipe.model_copy(update={"phases": phases, "learning_rate": curve.model_copy(update=lengths)})
