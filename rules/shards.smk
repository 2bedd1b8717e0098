"""
Which raw shards, tokens and indexes there are to be, what decides each, and which of them have to be made.

    in    shards, settings and folders of rules/common.smk, receipts and indexes that are there
    out   inputs and params of rules/raw.smk and rules/tokens.smk
"""


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
    index = f"{tokens_of(wildcards)}/{INDEX_FILES[0]}"
    if (state.behind and os.path.exists(index)) or is_damaged(index):
        workflow.dag.forcefiles.add(index)
    wanted = state.stale if pruned() else shards_of(wildcards.dataset)
    if bundles := [f"{tokens_of(wildcards)}/bundles/{bundle}.json" for bundle in bundles_of(wildcards.dataset)]:
        workflow.dag.forcefiles.update(filter(os.path.exists, bundles))  # of a run that failed
        return bundles
    return [f"{tokens_of(wildcards)}/train/{shard}.json" for shard in wanted]


def pruned():
    """Whether fresh shards are left out of the graph: if the settings say so, and no shard is to be made again anyway."""
    return settings.prune and "tokenize_shard" not in {rule.name for rule in workflow.dag.forcerules}


def bundles_of(dataset):
    """The bundles of a dataset's stale shards; none where each is a job of its own."""
    if not (settings.bundles and pruned()):
        return []
    shards = {name: shard for name, (shard, _) in shards_of(dataset).items()}
    return bundle_shards(shards, surveyed(dataset).stale, bytes_of_bundle())


@cache
def bytes_of_bundle():
    stale = [shards_of(dataset)[name][0] for dataset in RECIPE.datasets for name in surveyed(dataset).stale]
    return bundle_bytes(stale, settings.bundles)


@cache
def bundle_key_of(dataset):
    return canonical_json(keys.bundle_key(shared_key(dataset), shards_of(dataset).values()))


def bundle_key(wildcards):
    return bundle_key_of(wildcards.dataset)


def index_key(wildcards):
    return canonical_json(keys.index_key(RECIPE, shards_of(wildcards.dataset).values()))
