"""
What is asked for: the recipe with its overrides, read once and checked before any job runs.

    in    config/config.yaml or --config, config/recipes/{recipe}.yaml, config/datasets/{dataset}.yaml and .tsv
    out   the folders of its artifacts, the shards of its datasets, its SEGMENTS, and the names that paths may have
"""

import gc
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/scripts")
# Snakemake asks of every param whether it is a data frame, and imports pandas for the question: a quarter of a second
# of every start. No param here is one, and where there is no pandas it does not ask.
sys.modules.setdefault("pandas", None)

from snakemake.exceptions import WorkflowError

from nano3 import Nano3Error
from nano3.artifact.paths import Folders
from nano3.graph import keys
from nano3.raw import tokenizers
from nano3.raw.datasets import pins_path, raw_file, read_dataset, read_pins, sampled
from nano3.artifact.digest import canonical_json
from nano3.corpus.freshness import INDEX_FILES, NEW, shard_reason, survey
from nano3.corpus.bundles import bundle_bytes, bundle_shards
from nano3.artifact.receipt import missing_output
from nano3.artifact.steps import is_damaged, read_receipt
from nano3.config.load import load_recipe, read_settings, require_pins
from nano3.cluster.profile import check_site
from nano3.training.spec import PhaseBlend, segment_specs, scheduled_segments, why_trained


def written(resources):
    """Resources of a profile as they are written there; None without one."""
    return {name: resource.raw for name, resource in (resources or {}).items()}


def check_profile():
    asked = workflow.resource_settings
    of_rules = {rule: written(resources) for rule, resources in asked.overwrite_resources.items()}
    check_site(written(asked.default_resources), of_rules)


try:
    if workflow.is_main_process:
        check_profile()
    settings = read_settings(config)
    RECIPE_NAME, RECIPE = load_recipe(settings.recipe, settings.set, settings.sample)
    require_pins(settings.recipe, RECIPE)
    DATASETS = {dataset: read_dataset(dataset) for dataset in RECIPE.datasets}
except Nano3Error as error:
    raise WorkflowError(str(error)) from None

FOLDERS = Folders.of(RECIPE_NAME, RECIPE.tokens_name)
TOKENS, BLENDS, CHECKPOINTS = FOLDERS.tokens, FOLDERS.blends, FOLDERS.checkpoints
EXPORT, REPORT = FOLDERS.export, FOLDERS.report

THAWED = settings.thaw.split()
if unknown := sorted(set(THAWED) - RECIPE.phases.keys()):
    raise WorkflowError(f"thaw: {unknown[0]} is no phase of {settings.recipe}: it has {', '.join(RECIPE.phases)}")

SEGMENTS = [(scheduled.phase, scheduled.segment) for scheduled in scheduled_segments(RECIPE)]


@cache
def shards_of(dataset):
    """The shards of a dataset by name, with the rows to take."""
    gc.disable()
    try:
        return {shard.name: (shard, rows) for shard, rows in sampled(read_pins(dataset), RECIPE.sample, dataset)}
    except Nano3Error as error:
        raise WorkflowError(str(error)) from None
    finally:
        gc.freeze()  # they stay: the collector need not look through 100,000 shards again and again
        gc.enable()


if workflow.is_main_process:  # a job's own process looks at its own dataset only
    for dataset in RECIPE.datasets:
        shards_of(dataset)


wildcard_constraints:
    dataset="|".join(map(re.escape, RECIPE.datasets)),
    shard=r"[^/]+",
    bundle=r"\d+-\d+",
    phase="|".join(RECIPE.phases),
    segment="|".join(sorted({segment for _, segment in SEGMENTS})),


def overrides(wildcards, output):
    """What the report says of them decides nothing: derived from `output`, as token_key, they are not compared."""
    return settings.set


def publish():
    """
    What was made goes to W&B when the run ends, well or badly, if the settings say so. What can't be sent is a warning:
    `python scripts/publish.py` sends it later.
    """
    if os.environ.get("WANDB_MODE", settings.wandb_mode) == "disabled" or not workflow.is_main_process:
        return
    asked = {"--recipe": settings.recipe, "--set": settings.set, "--sample": str(settings.sample)}
    words = [word for option in asked.items() for word in option]
    subprocess.run([sys.executable, "scripts/publish.py", *words], check=False)
