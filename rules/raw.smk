"""
Shards of the Hub and of URLs become files here. A local folder's are read in place and never come this way.

    in    config/datasets/{dataset}.yaml and .tsv: where a shard is, and which bytes it must have
    out   resources/raw/{dataset}/{shard}{ending}            the raw file, byte for byte as pinned
          resources/raw/{dataset}/{shard}{ending}.sha256     which bytes these are, for `sha256sum --check`

Only the bytes decide: the same ones under another revision are the same file, so where they come from is a resource of
the rule. A download that is cut leaves what it has in a hidden folder beside the file, which is no output: the next
run goes on there. With keep_raw: false a file goes away as soon as its tokens exist. Access to the Hub is by HF_TOKEN
of the environment.

The checksum carries the news that a file is another one to tokenize_shard, which may not look at the file's own time:
too large to be compared, a copy or a touch would make its tokens again.
"""


rule download_shard:
    output:
        raw=downloaded("resources/raw/{dataset}/{shard}{ending}"),
        checksum=downloaded("resources/raw/{dataset}/{shard}{ending}.sha256"),
    log:
        "results/raw/{dataset}/{shard}{ending}.log",
    wildcard_constraints:
        ending=r"\.parquet|\.jsonl|\.jsonl\.gz|\.jsonl\.zst|\.json",
    conda:
        "../envs/raw.yaml"
    resources:
        origin=shard_origin,
        size=lambda wildcards: pinned_shard(wildcards).bytes,
    params:
        sha256=lambda wildcards: pinned_shard(wildcards).sha256,
    shell:
        "python scripts/download_shard.py"
        " --origin {resources.origin:q}"
        " --sha256 {params.sha256:q}"
        " --size {resources.size}"
        " --raw {output.raw:q}"
        " --checksum {output.checksum:q}"
        " > {log:q} 2>&1"
