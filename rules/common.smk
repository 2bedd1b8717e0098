"""
What is asked for: the recipe with its overrides, read once and checked before any job runs.

    in    config/config.yaml or --config, config/recipes/{recipe}.yaml, config/datasets/{dataset}.yaml and .tsv
    out   the folders of its artifacts, its SHARDS and SEGMENTS, and for each rule what decides its output, as one value
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

from nano3 import Nano3Error, keys, tokenizers
from nano3.catalog import pins_path, raw_file, read_dataset, read_pins, sampled
from nano3.digest import canonical_json
from nano3.freshness import INDEX_FILES, NEW, shard_reason, survey
from nano3.packs import pack_bytes, packed
from nano3.receipt import missing_output, read_receipt
from nano3.resolve import load_recipe, read_settings, require_pins
from nano3.site import check_site
from nano3.spec import Mixed, segment_specs, stretches, why_trained


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

FOLDERS = keys.Folders.of(RECIPE_NAME, RECIPE)
TOKENS, BLENDS, CHECKPOINTS = FOLDERS.tokens, FOLDERS.blends, FOLDERS.checkpoints
EXPORT, REPORT = FOLDERS.export, FOLDERS.report

THAWED = settings.thaw.split()
if unknown := sorted(set(THAWED) - RECIPE.phases.keys()):
    raise WorkflowError(f"thaw: {unknown[0]} is no phase of {settings.recipe}: it has {', '.join(RECIPE.phases)}")

SEGMENTS = [(stretch.phase, stretch.segment) for stretch in stretches(RECIPE)]


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
    pack=r"\d+-\d+",
    phase="|".join(RECIPE.phases),
    segment="|".join(sorted({segment for _, segment in SEGMENTS})),


def pinned_shard(wildcards):
    shards = shards_of(wildcards.dataset)
    if wildcards.shard not in shards:
        some = ", ".join(list(shards)[:5])
        raise WorkflowError(
            f"{pins_path(wildcards.dataset)}: has no shard {wildcards.shard}; it has {len(shards)}, e.g. {some}"
        )
    return shards[wildcards.shard][0]


def raw_shard(wildcards):
    return raw_file(wildcards.dataset, DATASETS[wildcards.dataset], pinned_shard(wildcards))


def shard_origin(wildcards):
    return DATASETS[wildcards.dataset].origin(pinned_shard(wildcards).path)


def downloaded(path):
    """A raw shard that is here only as long as somebody needs it, if the settings say so."""
    return path if settings.keep_raw else temp(path)


@cache
def shared_key(dataset):
    return keys.shared_key(RECIPE, DATASETS[dataset])


def whole_key(wildcards):
    return keys.whole_key(shared_key(wildcards.dataset), *shards_of(wildcards.dataset)[wildcards.shard])


def token_key(wildcards, output):
    """
    All that decides a shard's tokens, as one value. Because it asks for `output`, Snakemake takes it for derived and
    does not compare it with an earlier one: whether a shard is stale is what its receipt says, see to_tokenize.
    """
    return canonical_json(whole_key(wildcards))


def to_tokenize(wildcards):
    """
    The raw file of a shard. Its time says nothing, so it is ancient; but where the shard is stale, it is not, to let
    the news of a download pass, and Snakemake is told to make what is there again.
    """
    file = raw_shard(wildcards)
    if not workflow.is_main_process:
        return ancient(file)
    reason = shard_reason(tokens_of(wildcards), wildcards.shard, whole_key(wildcards))
    if reason not in (None, NEW):
        workflow.dag.forcefiles.add(f"{tokens_of(wildcards)}/train/{wildcards.shard}.json")
    return file if reason else ancient(file)


def beside_tokenizer():
    """The files that are downloaded with a tokenizer.json of the Hub."""
    file = RECIPE.tokenizer_file
    names = [] if RECIPE.tokenizer.path else sorted(RECIPE.tokenizer_digests().keys() - {file.name})
    return [ancient(str(file.with_name(name))) for name in names]


def tokenizer_pin(wildcards):
    return next(file for file in tokenizers.read_pins(RECIPE.tokenizer.name) if file.name == wildcards.file)


def tokens_of(wildcards):
    return Path(TOKENS) / wildcards.dataset


@cache
def surveyed(dataset):
    return survey(Path(TOKENS) / dataset, shards_of(dataset), shared_key(dataset), settings.prune)


def to_index(wildcards):
    """
    Receipts of the shards that have to be made before an index. Those that are proved fresh are left out, and with
    them their jobs: a graph of 100,000 fresh shards is planned in seconds.
    """
    if not workflow.is_main_process:
        return []
    state = surveyed(wildcards.dataset)
    if state.behind and (tokens_of(wildcards) / INDEX_FILES[0]).exists():
        workflow.dag.forcefiles.add(f"{tokens_of(wildcards)}/{INDEX_FILES[0]}")
    wanted = state.stale if settings.prune else shards_of(wildcards.dataset)
    if packs := [f"{tokens_of(wildcards)}/packs/{pack}.json" for pack in packs_of(wildcards.dataset)]:
        workflow.dag.forcefiles.update(filter(os.path.exists, packs))  # of a run that failed
        return packs
    return [f"{tokens_of(wildcards)}/train/{shard}.json" for shard in wanted]


def packs_of(dataset):
    """The packs of a dataset's stale shards; none where each is a job of its own."""
    if not (settings.packs and settings.prune):
        return []
    shards = {name: shard for name, (shard, _) in shards_of(dataset).items()}
    return packed(shards, surveyed(dataset).stale, bytes_of_pack())


@cache
def bytes_of_pack():
    stale = [shards_of(dataset)[name][0] for dataset in RECIPE.datasets for name in surveyed(dataset).stale]
    return pack_bytes(stale, settings.packs)


@cache
def pack_key_of(dataset):
    return canonical_json(keys.pack_key(shared_key(dataset), shards_of(dataset).values()))


def pack_key(wildcards):
    return pack_key_of(wildcards.dataset)


def index_key(wildcards):
    return canonical_json(keys.index_key(RECIPE, shards_of(wildcards.dataset).values()))


def to_blend(wildcards):
    """
    The indexes that decide a phase's blend. A blend that is not there is made again, needed or not: as long as it is not,
    Snakemake does not look whether what was made from it is stale.
    """
    files = [f"{BLENDS}/{wildcards.phase}/{name}" for name in ("blend.json", "blend.receipt.json")]
    if workflow.is_main_process and not all(map(os.path.exists, files)):
        workflow.dag.forcefiles.update(files)
    return [f"{TOKENS}/{dataset}/index.json" for dataset in keys.blend_datasets(RECIPE, wildcards.phase)]


def blend_key(wildcards):
    return canonical_json(keys.blend_key(RECIPE, wildcards.phase))


def segment_receipt(place):
    return "{}/{}/{}/receipt.json".format(CHECKPOINTS, *place)


def segment_before(wildcards):
    place = SEGMENTS.index((wildcards.phase, wildcards.segment))
    return [segment_receipt(SEGMENTS[place - 1])] if place else []


def blend_receipt(phase):
    return f"{BLENDS}/{phase}/blend.receipt.json"


def blend_of(phase, file):
    return ancient(checkpoints.write_blend.get(phase=phase).output[file])


def layout(wildcards):
    return RECIPE.layout_of(wildcards.phase)


def gpus(wildcards):
    """GPUs of each node that trains a phase: one for each rank, where the trainer uses them."""
    return layout(wildcards).processes_per_node if layout(wildcards).trainer == "bridge" else 0


def phases_before(phase):
    phases = list(RECIPE.phases)
    return phases[: phases.index(phase)]


def specs_up_to(phase):
    """Specs of the segments of a phase and of those before it, from the blends there are."""
    phases = [*phases_before(phase), phase]
    return segment_specs(RECIPE, {each: Mixed.of(read_receipt(blend_of(each, "receipt"))) for each in phases})


def index_cache_key(wildcards):
    """What the phase draws, and from where in its datasets' streams on."""
    return canonical_json(keys.index_cache_key(specs_up_to(wildcards.phase), wildcards.phase))


def index_cache_of(phase):
    """
    The receipt of a phase's index cache. The files that it lists are no output of the rule: where one is gone, or the
    receipt itself, Snakemake is told to build them again.
    """
    file = f"{BLENDS}/{phase}/index_cache.json"
    if workflow.is_main_process and not (os.path.exists(file) and missing_output(read_receipt(file)) is None):
        workflow.dag.forcefiles.add(file)
    return ancient(checkpoints.build_index_cache.get(phase=phase).output.receipt)


def segment_spec(wildcards):
    """The segment's spec; it contains, by digest, everything that was trained before it."""
    spec = specs_up_to(wildcards.phase)[wildcards.phase, wildcards.segment]
    refuse_if_frozen(wildcards.phase, wildcards.segment, spec)
    return canonical_json(spec)


def refuse_if_frozen(phase, segment, spec):
    """What took weeks is not trained again by surprise."""
    if not RECIPE.phases[phase].frozen or phase in THAWED or not workflow.is_main_process:
        return
    file = Path(segment_receipt((phase, segment)))
    blends = [read_receipt(blend) for name in RECIPE.phases if (blend := Path(blend_receipt(name))).is_file()]
    shares = keys.expected_shares(RECIPE, phase, blends)
    reason = why_trained(read_receipt(file) if file.is_file() else None, spec, shares)
    if reason:
        raise WorkflowError(
            f"config/recipes/{settings.recipe}.yaml: phases.{phase} is frozen, but {phase}/{segment} would be trained "
            f"again: {reason}. Undo that, or allow it with --config thaw={phase}"
        )


def refuse_frozen():
    """Before any job, as far as can be known: a blend that will be made again is judged when it is there."""
    if not any(phase.frozen for phase in RECIPE.phases.values()):
        return
    blends = {}
    for phase in RECIPE.phases:
        blend = Path(blend_receipt(phase))
        if not blend.is_file() or read_receipt(blend)["key"] != keys.blend_key(RECIPE, phase):
            break
        blends[phase] = Mixed.of(read_receipt(blend))
    specs = segment_specs(RECIPE, blends)
    for phase, segment in SEGMENTS:
        file = Path(segment_receipt((phase, segment)))
        if (phase, segment) in specs or file.is_file():
            refuse_if_frozen(phase, segment, specs.get((phase, segment)) or read_receipt(file)["key"])


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


def drawn_from(phases):
    """
    What phases draw from: blends and index caches, the outputs of checkpoints. An input of every job that stands behind
    training on them: it makes Snakemake look at the job again when they are there. Without it, a job that was planned
    because tokens are made again would run even if the blends come out the same.
    """
    return [file for phase in phases for file in (blend_of(phase, "receipt"), index_cache_of(phase))]


def all_drawn_from(wildcards):
    return drawn_from(RECIPE.phases)


try:
    refuse_frozen()
except Nano3Error as error:
    raise WorkflowError(str(error)) from None
