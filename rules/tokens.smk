"""
Raw shards become tokens, one to one; a dataset's shards become one index. Where many shards of a dataset are stale, a
bundle of them is one job.

    in    a raw shard of config/datasets/{dataset}.tsv: a local file, or what rules/raw.smk downloaded
    out   results/tokens/{tokenizer}/{dataset}/train/{shard}.bin .idx .json     its pair and its receipt
          results/tokens/{tokenizer}/{dataset}/holdout/{shard}.bin .idx         its held-out documents
          results/tokens/{tokenizer}/{dataset}/index.json, shards.tsv           all shards, with tokens and digests
          results/tokens/{tokenizer}/{dataset}/valid.bin .idx, test.bin .idx    all held-out documents

An index is made from the one before, which Snakemake must therefore leave in place: update().
"""


rule tokenize_shard:
    input:
        raw=to_tokenize,
        tokenizer=ancient(str(RECIPE.tokenizer_file)),
    output:
        train_bin=f"{TOKENS}/{{dataset}}/train/{{shard}}.bin",
        train_idx=f"{TOKENS}/{{dataset}}/train/{{shard}}.idx",
        holdout_bin=f"{TOKENS}/{{dataset}}/holdout/{{shard}}.bin",
        holdout_idx=f"{TOKENS}/{{dataset}}/holdout/{{shard}}.idx",
        receipt=f"{TOKENS}/{{dataset}}/train/{{shard}}.json",
    log:
        f"{TOKENS}/logs/tokenize_shard/{{dataset}}/{{shard}}.log",
    conda:
        "../envs/tokens.yaml"
    threads: 2
    resources:
        engine=RECIPE.tokenizer.engine,
        checked_documents=RECIPE.tokenizer.checked_documents,
        origin=shard_origin,
    params:
        key=token_key,
        train=subpath(output.train_bin, strip_suffix=".bin"),
        holdout=subpath(output.holdout_bin, strip_suffix=".bin"),
    shell:
        "python scripts/tokenize_shard.py"
        " --raw {input.raw:q}"
        " --tokenizer {input.tokenizer:q}"
        " --key {params.key:q}"
        " --train {params.train:q}"
        " --holdout {params.holdout:q}"
        " --receipt {output.receipt:q}"
        " --engine {resources.engine:q}"
        " --checked-documents {resources.checked_documents}"
        " --origin {resources.origin:q}"
        " --threads {threads}"
        " > {log:q} 2>&1"


rule tokenize_bundle:
    input:
        tokenizer=ancient(str(RECIPE.tokenizer_file)),
        pins=lambda wildcards: ancient(str(pins_path(wildcards.dataset))),
    output:
        done=temp(f"{TOKENS}/{{dataset}}/bundles/{{bundle}}.json"),
    log:
        f"{TOKENS}/logs/tokenize_bundle/{{dataset}}/{{bundle}}.log",
    conda:
        "../envs/tokens.yaml"
    threads: 2
    resources:
        engine=RECIPE.tokenizer.engine,
        checked_documents=RECIPE.tokenizer.checked_documents,
        keep_raw=int(settings.keep_raw),
    params:
        key=bundle_key,
        sample=RECIPE.sample,
        folder=f"{TOKENS}/{{dataset}}",
    shell:
        "python scripts/tokenize_bundle.py"
        " --bundle {wildcards.bundle}"
        " --pins {input.pins:q}"
        " --tokenizer {input.tokenizer:q}"
        " --key {params.key:q}"
        " --folder {params.folder:q}"
        " --done {output.done:q}"
        " --sample {params.sample}"
        " --keep-raw {resources.keep_raw}"
        " --engine {resources.engine:q}"
        " --checked-documents {resources.checked_documents}"
        " --threads {threads}"
        " > {log:q} 2>&1"


rule index_dataset:
    input:
        stale=to_index,
        pins=lambda wildcards: ancient(str(pins_path(wildcards.dataset))),
    output:
        index=update(f"{TOKENS}/{{dataset}}/index.json"),
        shards=update(f"{TOKENS}/{{dataset}}/shards.tsv"),
        valid_bin=update(f"{TOKENS}/{{dataset}}/valid.bin"),
        valid_idx=update(f"{TOKENS}/{{dataset}}/valid.idx"),
        test_bin=update(f"{TOKENS}/{{dataset}}/test.bin"),
        test_idx=update(f"{TOKENS}/{{dataset}}/test.idx"),
    log:
        f"{TOKENS}/logs/index_dataset/{{dataset}}.log",
    conda:
        "../envs/tokens.yaml"
    params:
        key=index_key,
        folder=subpath(output.index, parent=True),
    shell:
        "python scripts/index_dataset.py"
        " --folder {params.folder:q}"
        " --pins {input.pins:q}"
        " --key {params.key:q}"
        " --index {output.index:q}"
        " --valid {params.folder:q}/valid"
        " --test {params.folder:q}/test"
        " > {log:q} 2>&1"
