"""
What is asked for: the recipe with its overrides, read once and checked before any job runs.

    in    config/config.yaml or --config, config/recipes/{recipe}.yaml, config/datasets/{dataset}.yaml and .tsv
    out   the folders of its artifacts, its SHARDS and SEGMENTS, and for each rule what decides its output, as one value
"""

import re
import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/scripts")

from snakemake.exceptions import WorkflowError

from nano3 import Nano3Error
from nano3.catalog import pins_path, raw_file, read_dataset, read_pins, sampled
from nano3.digest import canonical_json, digest_code, digest_file, digest_json
from nano3.receipt import read_receipt
from nano3.resolve import load_recipe, read_settings
from nano3.spec import segment_specs, stretches

try:
    settings = read_settings(config)
    RECIPE_NAME, RECIPE = load_recipe(settings.recipe, settings.set, settings.sample)
except Nano3Error as error:
    raise WorkflowError(str(error)) from None

TOKENS = f"results/tokens/{RECIPE.tokens_name}"
BLENDS = f"results/blends/{RECIPE_NAME}"
CHECKPOINTS = f"results/checkpoints/{RECIPE_NAME}"
EXPORT = f"results/exports/{RECIPE_NAME}"
REPORT = f"results/reports/{RECIPE_NAME}"

SEGMENTS = [(stretch.phase, stretch.segment) for stretch in stretches(RECIPE)]
SHARDS = {
    dataset: {shard.name: (shard, rows) for shard, rows in sampled(read_pins(dataset), RECIPE.sample)}
    for dataset in RECIPE.datasets
}
DATASETS = {dataset: read_dataset(dataset) for dataset in RECIPE.datasets}


wildcard_constraints:
    dataset="|".join(map(re.escape, RECIPE.datasets)),
    shard=r"[^/]+",
    phase="|".join(RECIPE.phases),
    segment="|".join(sorted({segment for _, segment in SEGMENTS})),


def pinned_shard(wildcards):
    shards = SHARDS[wildcards.dataset]
    if wildcards.shard not in shards:
        raise WorkflowError(
            f"{pins_path(wildcards.dataset)}: has no shard {wildcards.shard}; there are: {', '.join(shards)}"
        )
    return shards[wildcards.shard][0]


def raw_shard(wildcards):
    return raw_file(wildcards.dataset, DATASETS[wildcards.dataset], pinned_shard(wildcards))


def raw_checksum(wildcards):
    return f"{raw_shard(wildcards)}.sha256" if DATASETS[wildcards.dataset].remote else []


def shard_origin(wildcards):
    return DATASETS[wildcards.dataset].origin(pinned_shard(wildcards).path)


def downloaded(path):
    """A raw shard that is here only as long as somebody needs it, if the settings say so."""
    return path if settings.keep_raw else temp(path)


def token_key(wildcards):
    """All that decides a shard's bytes, as one value."""
    shard, rows = SHARDS[wildcards.dataset][wildcards.shard]
    key = RECIPE.token_settings() | {
        "sha256": shard.sha256,
        "rows": rows if RECIPE.sample else None,  # all of them are the sha256's: counting them later changes nothing
        "text_column": DATASETS[wildcards.dataset].text_column,
        "code": digest_code("tokenize_shard"),
    }
    return canonical_json(key)


def index_key(wildcards):
    """Which shards there are, and how they are put together."""
    names = list(SHARDS[wildcards.dataset])
    return canonical_json({"shards": digest_json(names), "sample": RECIPE.sample, "code": digest_code("index_dataset")})


def blend_key(wildcards):
    """The shares, and which tokens they are shares of: tokens made otherwise lie in another folder."""
    mixture = dict(sorted(RECIPE.phases[wildcards.phase].mixture.items()))
    return canonical_json({"mixture": mixture, "tokens": RECIPE.tokens_name, "code": digest_code("write_blend")})


def segment_receipt(place):
    return "{}/{}/{}/receipt.json".format(CHECKPOINTS, *place)


def segment_before(wildcards):
    place = SEGMENTS.index((wildcards.phase, wildcards.segment))
    return [segment_receipt(SEGMENTS[place - 1])] if place else []


def blend_of(phase, file):
    return ancient(checkpoints.write_blend.get(phase=phase).output[file])


def phases_before(phase):
    phases = list(RECIPE.phases)
    return phases[: phases.index(phase)]


def segment_spec(wildcards):
    """The segment's spec; it contains, by digest, everything that was trained before it."""
    phases = [*phases_before(wildcards.phase), wildcards.phase]
    contents = {phase: read_receipt(blend_of(phase, "receipt"))["content"] for phase in phases}
    return canonical_json(segment_specs(RECIPE, contents)[wildcards.phase, wildcards.segment])


def export_key():
    """What goes beside the weights: the tokenizer's files, and how long a sequence may be."""
    tokenizer = {path.name: digest_file(path) for path in sorted(Path(RECIPE.tokenizer.path).iterdir())}
    longest = max(stretch.sequence_length for stretch in stretches(RECIPE))
    return canonical_json({"tokenizer": tokenizer, "longest_sequence": longest, "code": digest_code("export_hf")})


def all_blends(wildcards):
    """
    An input of every job after training. It makes Snakemake look at the job again when the blends are there; without
    it, a job that was planned because tokens are made again would run even if the blends come out the same.
    """
    return [blend_of(phase, "receipt") for phase in RECIPE.phases]
