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
        raw=lambda w: build.raw_shard(w.dataset, w.shard),
        tokenizer=build.tokenizer_file,
    output:
        train_bin=paths.train("{dataset}", "{shard}", ".bin"),
        train_idx=paths.train("{dataset}", "{shard}", ".idx"),
        holdout_bin=paths.holdout("{dataset}", "{shard}", ".bin"),
        holdout_idx=paths.holdout("{dataset}", "{shard}", ".idx"),
        receipt=paths.train("{dataset}", "{shard}", ".json"),
    log:
        paths.token_log("tokenize_shard", "{dataset}/{shard}"),
    conda:
        "../envs/tokens.yaml"
    threads: 2
    params:
        key=untracked(lambda w: build.shard_key(w.dataset, w.shard)),
        train=untracked(lambda w: paths.train(w.dataset, w.shard, "")),
        holdout=untracked(lambda w: paths.holdout(w.dataset, w.shard, "")),
        engine=untracked(recipe.tokenizer.engine),
        checked_documents=untracked(recipe.tokenizer.checked_documents),
        bad_rows_at_most=untracked(lambda w: build.bad_rows_at_most(w.dataset)),
        origin=untracked(lambda w: build.shard_origin(w.dataset, w.shard)),
    shell:
        "python scripts/tokenize_shard.py"
        " --raw {input.raw:q}"
        " --tokenizer {input.tokenizer:q}"
        " --key {params.key:q}"
        " --train {params.train:q}"
        " --holdout {params.holdout:q}"
        " --receipt {output.receipt:q}"
        " --engine {params.engine:q}"
        " --checked-documents {params.checked_documents}"
        " --bad-rows-at-most {params.bad_rows_at_most}"
        " --origin {params.origin:q}"
        " --threads {threads}"
        " > {log:q} 2>&1"


rule tokenize_bundle:
    input:
        tokenizer=build.tokenizer_file,
        pins=lambda w: build.pins(w.dataset),
    output:
        done=temp(paths.bundle("{dataset}", "{bundle}")),
    log:
        paths.token_log("tokenize_bundle", "{dataset}/{bundle}"),
    conda:
        "../envs/tokens.yaml"
    threads: 2
    resources:
        downloads=lambda w: build.downloads(w.dataset),
    params:
        key=untracked(lambda w: build.bundle_key(w.dataset)),
        sample=untracked(recipe.sample),
        folder=untracked(lambda w: paths.dataset(w.dataset)),
        engine=untracked(recipe.tokenizer.engine),
        checked_documents=untracked(recipe.tokenizer.checked_documents),
        bad_rows_at_most=untracked(lambda w: build.bad_rows_at_most(w.dataset)),
        keep_raw=untracked(int(settings.keep_raw)),
    shell:
        "python scripts/tokenize_bundle.py"
        " --bundle {wildcards.bundle}"
        " --pins {input.pins:q}"
        " --tokenizer {input.tokenizer:q}"
        " --key {params.key:q}"
        " --folder {params.folder:q}"
        " --done {output.done:q}"
        " --sample {params.sample}"
        " --keep-raw {params.keep_raw}"
        " --engine {params.engine:q}"
        " --checked-documents {params.checked_documents}"
        " --bad-rows-at-most {params.bad_rows_at_most}"
        " --threads {threads}"
        " > {log:q} 2>&1"


rule index_dataset:
    input:
        shards=lambda w: build.shards_to_index(w.dataset),
        pins=lambda w: build.pins(w.dataset),
    output:
        index=update(paths.index("{dataset}")),
        shards=update(paths.indexed("{dataset}", "shards.tsv")),
        valid_bin=update(paths.indexed("{dataset}", "valid.bin")),
        valid_idx=update(paths.indexed("{dataset}", "valid.idx")),
        test_bin=update(paths.indexed("{dataset}", "test.bin")),
        test_idx=update(paths.indexed("{dataset}", "test.idx")),
    log:
        paths.token_log("index_dataset", "{dataset}"),
    conda:
        "../envs/tokens.yaml"
    params:
        key=untracked(lambda w: build.index_key(w.dataset)),
        folder=untracked(lambda w: paths.dataset(w.dataset)),
    shell:
        "python scripts/index_dataset.py"
        " --folder {params.folder:q}"
        " --pins {input.pins:q}"
        " --key {params.key:q}"
        " --index {output.index:q}"
        " --valid {params.folder:q}/valid"
        " --test {params.folder:q}/test"
        " > {log:q} 2>&1"
