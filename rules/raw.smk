"""
Shards of the Hub and of URLs become files here. A local folder's are read in place and never come this way.

    in    config/datasets/{dataset}.yaml and .tsv: where a shard is, and which bytes it must have
    out   resources/raw/{dataset}/{shard}{ending}     the raw file, byte for byte as pinned
          resources/tokenizers/{tokenizer}/{file}     so are the files of a tokenizer of config/tokenizers

Only the bytes decide: the same ones under another revision are the same file, so where they come from is untracked. A raw
file has no receipt; that other bytes are pinned Snakemake sees by the one param that it compares. A download that is cut leaves what it has in a hidden folder beside the file, which is no output: the next
run goes on there. With keep_raw: false a file goes away as soon as its tokens exist. Access to the Hub is by HF_TOKEN
of the environment. How many downloads run at a time, those of bundles included, the profile's resource `downloads` says.
"""


rule download_shard:
    output:
        raw=build.downloaded("resources/raw/{dataset}/{shard}{ending}"),
    log:
        f"{RAW_LOGS}/{{dataset}}/{{shard}}{{ending}}.log",
    wildcard_constraints:
        ending="|".join(map(re.escape, FORMATS)),
    conda:
        "../envs/raw.yaml"
    resources:
        downloads=1,
    params:
        sha256=lambda w: build.pinned_shard(w.dataset, w.shard).sha256,
        origin=untracked(lambda w: build.shard_origin(w.dataset, w.shard)),
        size=untracked(lambda w: build.pinned_shard(w.dataset, w.shard).bytes),
    shell:
        "python scripts/download_shard.py"
        " --origin {params.origin:q}"
        " --sha256 {params.sha256:q}"
        " --size {params.size}"
        " --raw {output.raw:q}"
        " > {log:q} 2>&1"


rule download_tokenizer:
    output:
        file=f"{tokenizers.folder(recipe.tokenizer.name)}/{{file}}",
    log:
        f"{RAW_LOGS}/{recipe.tokenizer.name}/{{file}}.log",
    wildcard_constraints:
        file="|".join(map(re.escape, tokenizers.FILES)),
    conda:
        "../envs/raw.yaml"
    resources:
        downloads=1,
    params:
        sha256=lambda w: build.tokenizer_pin(w.file).sha256,
        origin=untracked(lambda w: build.tokenizer_origin(w.file)),
        size=untracked(lambda w: build.tokenizer_pin(w.file).bytes),
    shell:
        "python scripts/download_shard.py"
        " --origin {params.origin:q}"
        " --sha256 {params.sha256:q}"
        " --size {params.size}"
        " --raw {output.file:q}"
        " > {log:q} 2>&1"
