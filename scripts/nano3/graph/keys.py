"""
What decides each artifact, as one value. The rules build by it and the plan compares with it, so
there is one answer to "would this be made otherwise today?".
"""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from nano3.artifact.code import digest_code
from nano3.artifact.digest import digest_file, digest_json
from nano3.artifact.steps import BlendReceipt, Spec
from nano3.config.mixture import MixtureError, as_floats, resolved
from nano3.config.recipe import Recipe
from nano3.raw.datasets import Dataset, Shard, shards_digest
from nano3.sampling.sufficiency import SequenceNeeds
from nano3.training.spec import scheduled_segments

Key = dict[str, Any]
PACKAGE = Path(__file__).resolve().parents[1]


def shared_key(recipe: Recipe, dataset: Dataset) -> Key:
    """What decides the tokens of all shards of a dataset alike."""
    return recipe.token_settings() | dataset.text_source.key | {"code": digest_code("tokenize_shard")}


def whole_key(shared: Key, shard: Shard, rows: int | None) -> Key:
    """All that decides a shard's tokens. shared: the key of its dataset's shards. rows: to take of it; None: all."""
    return shared | {"sha256": shard.sha256, "rows": rows}


def bundle_key(shared: Key, shards: Iterable[tuple[Shard, int | None]]) -> Key:
    """All that decides the tokens of a dataset's shards, for a job that makes many of them."""
    return shared | {"shards": shards_digest(shards)}


def index_key(recipe: Recipe, shards: Iterable[tuple[Shard, int | None]]) -> Key:
    """Which shards there are, and how they are put together."""
    return {"shards": shards_digest(shards), "sample": recipe.sample, "code": digest_code("index_dataset")}


def mixture_decision(recipe: Recipe, phase: str) -> Key:
    """
    What decides a phase's shares, see nano3.config.mixture: its mixture, the categories that it draws from and, where
    the recipe caps epochs, what earlier phases draw.
    """
    over_cap = _over_cap(recipe)
    if not over_cap:
        return _asked(recipe, phase)
    phases = list(recipe.phases)
    earlier = [_asked(recipe, name) for name in phases[: phases.index(phase)]]
    return _asked(recipe, phase) | {"earlier": earlier, "over_cap": over_cap}


def _asked(recipe: Recipe, phase: str) -> Key:
    """A phase's mixture, with the categories and the caps that have to do with it."""
    mixture = dict(sorted(recipe.phases[phase].mixture.items()))
    used = {
        name: category.model_dump()
        for name, category in sorted(recipe.categories.items())
        if name in mixture or set(category.datasets) & mixture.keys()
    }
    caps = {dataset: recipe.max_epochs(phase, dataset) for dataset in recipe.datasets_of(phase)}
    return (
        {"mixture": mixture}
        | ({"categories": used} if used else {})
        | ({"phase_tokens": recipe.phases[phase].tokens, "max_epochs": caps} if _over_cap(recipe) else {})
    )


def _over_cap(recipe: Recipe) -> str | None:
    """What happens over a cap; None if no cap can change a share."""
    said = recipe.repetition.over_cap if recipe.repetition else "allow"
    return None if said == "allow" else said


def blend_datasets(recipe: Recipe, phase: str) -> list[str]:
    """Datasets whose tokens decide a phase's blend, sorted: where epochs are capped, those of earlier phases, too."""
    phases = list(recipe.phases)
    wanted = phases[: phases.index(phase) + 1] if _over_cap(recipe) else [phase]
    return sorted({dataset for name in wanted for dataset in recipe.datasets_of(name)})


def expected_shares(recipe: Recipe, phase: str, blends: Iterable[BlendReceipt]) -> dict[str, float] | None:
    """
    The shares of a phase's datasets, as far as receipts of blends know the tokens; None if they do not.

    A blend that will be made again may count other tokens.
    """
    tokens = {name: blended.tokens for blend in blends for name, blended in blend.facts.datasets.items()}
    try:
        return as_floats({part.dataset: part.share for part in resolved(mixture_decision(recipe, phase), tokens)})
    except (KeyError, MixtureError):
        return None


def blend_key(recipe: Recipe, phase: str) -> Key:
    """The shares, and which tokens they are shares of: tokens made otherwise lie in another folder."""
    return mixture_decision(recipe, phase) | {"tokens": recipe.tokens_name, "code": digest_code("write_blend")}


def sequence_needs(recipe: Recipe, phase: str) -> SequenceNeeds:
    """What the sets of a phase's datasets are checked for, which is in no key: it decides no byte."""
    return {
        "phase": phase,
        "lengths": recipe.sequence_lengths(phase),
        "too_small": recipe.evaluation.too_small,
    }


def index_cache_key(specs: Mapping[tuple[str, str], Spec], phase: str) -> Key:
    """What a phase's segments draw. specs: of its segments, and perhaps of others."""
    own = [spec for (of, _), spec in specs.items() if of == phase]
    segments = [
        {
            "data": spec["data"],
            "length": spec["batch"]["sequence_length"],
            "samples": spec["steps"]["count"] * spec["batch"]["global_batch_size"],
        }
        for spec in own
    ]
    return {"segments": segments, "seed": own[0]["seed"], "code": digest_code("build_index_cache")}


def export_key(recipe: Recipe) -> Key:
    """What goes beside the weights: the tokenizer's files, its control tokens, and how long a sequence may be."""
    longest = max(scheduled.sequence_length for scheduled in scheduled_segments(recipe))
    return {
        "tokenizer": recipe.tokenizer_digests(),
        "tokens": {"bos": recipe.tokenizer.bos_token, "eos": recipe.tokenizer.eos_token},
        "longest_sequence": longest,
        "code": digest_code("export_hf"),
    }


def lineage_key() -> Key:
    """How receipts become provenance."""
    return {"code": digest_code("write_lineage")}


def report_key(name: str) -> Key:
    """What the report is called, and how it is written."""
    templates = [path for folder in ("report", "drawing") for path in sorted((PACKAGE / folder).glob("*.j2"))]
    if len({path.parent for path in templates}) < 2:
        raise FileNotFoundError(f"{PACKAGE}: no templates (*.j2) in report/ or drawing/")
    return {
        "recipe": name,
        "code": digest_code("write_report"),
        "template": digest_json([digest_file(path) for path in templates]),
    }
