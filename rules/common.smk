"""
What is asked for: the recipe with its overrides, read once and checked before any job runs.

    in    config/config.yaml or --config, config/recipes/{recipe}.yaml, config/datasets/{dataset}.yaml and .tsv
    out   build, which answers what the rules ask, and paths, where all artifacts lie
          results/recipes/{recipe}.json, what a recipe with overrides changed: for people, no input of anything

Which artifacts are stale is judged there, from receipts: keys are untracked params, for Snakemake to pass on.
"""

import re
import sys

sys.path.insert(0, f"{workflow.basedir}/scripts")

from nano3.artifact.paths import RAW_LOGS, STREAMS, WEIGHTS
from nano3.formats.source import FORMATS
from nano3.graph.inputs import untracked
from nano3.graph.workflow import Workflow
from nano3.raw import tokenizers
from nano3.report.ending import ending

build = Workflow.of(workflow, checkpoints, config)
paths, recipe, settings = build.paths, build.recipe, build.settings


wildcard_constraints:
    dataset="|".join(map(re.escape, recipe.datasets)),
    shard=r"[^/]+",
    bundle=r"\d+-\d+",
    phase="|".join(recipe.phases),
    segment="|".join(sorted({segment for _, segment in build.request.places})),


onstart:
    build.note_override()
