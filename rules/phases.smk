"""
What decides a phase's blend, its index cache and its segments, each as one value, and what must not be trained again.

    in    recipe and SEGMENTS of rules/common.smk, receipts of blends that are there
    out   inputs and params of rules/blends.smk, rules/checkpoints.smk and of all that stands behind training
"""


def to_blend(wildcards):
    """
    The indexes that decide a phase's blend. A blend that is not there whole is made again, needed or not: as long as it
    is not, Snakemake does not look whether what was made from it is stale.
    """
    files = [f"{BLENDS}/{wildcards.phase}/{name}" for name in ("blend.json", "blend.receipt.json")]
    if workflow.is_main_process and (not all(map(os.path.exists, files)) or is_damaged(files[1])):
        workflow.dag.forcefiles.update(files)
    return [f"{TOKENS}/{dataset}/index.json" for dataset in keys.blend_datasets(RECIPE, wildcards.phase)]


def blend_key(wildcards):
    return canonical_json(keys.blend_key(RECIPE, wildcards.phase))


def segment_receipt(place):
    return "{}/{}/{}/receipt.json".format(CHECKPOINTS, *place)


def made_again_if_damaged(*receipts):
    """A damaged receipt is a file like any other to Snakemake, which would stop the jobs that read it."""
    if workflow.is_main_process:
        workflow.dag.forcefiles.update(filter(is_damaged, receipts))


def segment_before(wildcards):
    made_again_if_damaged(segment_receipt((wildcards.phase, wildcards.segment)))
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
    return segment_specs(RECIPE, {each: PhaseBlend.of(read_receipt(blend_of(each, "receipt"))) for each in phases})


def index_cache_key(wildcards):
    """What the phase draws, and from where in its datasets' streams on."""
    return canonical_json(keys.index_cache_key(specs_up_to(wildcards.phase), wildcards.phase))


def index_cache_of(phase):
    """
    The receipt of a phase's index cache. The files that it lists are no output of the rule: where one is gone, or the
    receipt itself, Snakemake is told to build them again.
    """
    file = f"{BLENDS}/{phase}/index_cache.json"
    there = os.path.exists(file) and not is_damaged(file) and missing_output(read_receipt(file)) is None
    if workflow.is_main_process and not there:
        workflow.dag.forcefiles.add(file)
    return ancient(checkpoints.build_index_cache.get(phase=phase).output.receipt)


def blends_of(phases):
    """
    The blends of phases. They, and the index caches, are an input of every job that stands behind training on them: it
    makes Snakemake look at the job again when they are there. Without it, a job that was planned because tokens are made
    again would run even if the blends come out the same.
    """
    return [blend_of(phase, "receipt") for phase in phases]


def index_caches_of(phases):
    """The index caches of phases; see blends_of."""
    return [index_cache_of(phase) for phase in phases]


def all_blends(wildcards):
    made_again_if_damaged(
        *(f"{folder}receipt.json" for folder in (f"{EXPORT}/", f"{REPORT}/lineage.", f"{REPORT}/report."))
    )
    return blends_of(RECIPE.phases)


def all_index_caches(wildcards):
    return index_caches_of(RECIPE.phases)


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
        if not blend.is_file() or read_receipt(blend).key != keys.blend_key(RECIPE, phase):
            break
        blends[phase] = PhaseBlend.of(read_receipt(blend))
    specs = segment_specs(RECIPE, blends)
    for phase, segment in SEGMENTS:
        file = Path(segment_receipt((phase, segment)))
        if (phase, segment) in specs or file.is_file():
            refuse_if_frozen(phase, segment, specs.get((phase, segment)) or read_receipt(file).key)


try:
    refuse_frozen()
except Nano3Error as error:
    raise WorkflowError(str(error)) from None
