"""
Shards of the Hub and of URLs become files here. A local folder's are read in place and never come this way.

    in    config/datasets/{dataset}.yaml and .tsv: where a shard is, and which bytes it must have
    out   resources/raw/{dataset}/{shard}{ending}     the raw file, byte for byte as pinned
          resources/tokenizers/{tokenizer}/{file}     so are the files of a tokenizer of config/tokenizers

Only the bytes decide: the same ones under another revision are the same file, so where they come from is a resource of
the rule. A download that is cut leaves what it has in a hidden folder beside the file, which is no output: the next
run goes on there. With keep_raw: false a file goes away as soon as its tokens exist. Access to the Hub is by HF_TOKEN
of the environment.
"""


rule download_shard:
    output:
        raw=downloaded("resources/raw/{dataset}/{shard}{ending}"),
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
        " > {log:q} 2>&1"


rule download_tokenizer:
    output:
        file=f"{tokenizers.folder(RECIPE.tokenizer.name)}/{{file}}",
    log:
        f"results/raw/{RECIPE.tokenizer.name}/{{file}}.log",
    wildcard_constraints:
        file="|".join(map(re.escape, tokenizers.FILES)),
    conda:
        "../envs/raw.yaml"
    resources:
        origin=lambda wildcards: tokenizers.read_tokenizer(RECIPE.tokenizer.name).origin(wildcards.file),
        size=lambda wildcards: tokenizer_pin(wildcards).bytes,
    params:
        sha256=lambda wildcards: tokenizer_pin(wildcards).sha256,
    shell:
        "python scripts/download_shard.py"
        " --origin {resources.origin:q}"
        " --sha256 {params.sha256:q}"
        " --size {resources.size}"
        " --raw {output.file:q}"
        " > {log:q} 2>&1"
