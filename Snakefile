"""
Nemotron 3 Nano, stage 0: from pinned raw shards to a long-context checkpoint and a report, rebuilding what is stale.

    where its dataset's source says                 a raw shard, pinned in config/datasets/{dataset}.tsv
    resources/raw/{dataset}/{shard}{ending}         the same, downloaded, if that is the Hub or a URL
    results/tokens/{tokenizer}/{dataset}/...        its Megatron pair; the dataset's index and held-out sets
    results/blends/{recipe}/{phase}/blend.json      what a phase reads, in which proportion
    results/checkpoints/{recipe}/{phase}/{segment}/ what a segment of a phase trained; weights in results/weights
    results/exports/{recipe}/                       the last checkpoint for Hugging Face transformers
    results/reports/{recipe}/                       lineage and report
"""


configfile: "config/config.yaml"


include: "rules/common.smk"
include: "rules/raw.smk"
include: "rules/tokens.smk"
include: "rules/blends.smk"
include: "rules/checkpoints.smk"
include: "rules/reports.smk"


rule all:
    default_target: True
    input:
        paths.reported("index.html"),
        paths.reported("report.receipt.json"),
        paths.reported("lineage.json"),
        paths.reported("ro-crate-metadata.json"),
