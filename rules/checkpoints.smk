"""
Blends become checkpoints: phase after phase, segment after segment, each continuing the one before.

    in    results/blends/{recipe}/{phase}/blend.json, index_cache.json, the receipt of the segment before
    out   results/checkpoints/{recipe}/{phase}/{segment}/receipt.json, metrics.jsonl
          results/exports/{recipe}/model, receipt.json      the last checkpoint for Hugging Face transformers
          results/exports/{recipe}/manifest.json            what the next stage needs to know

Weights lie in results/weights/{digest of the spec}/iter_*, which is no output: an interrupted segment finds its own
folder again and goes on. What changes no result (layout, checkpoint and evaluation of the recipe) is a resource of
the rule, for a changed param would train again.
"""


rule train_segment:
    input:
        blend=lambda wildcards: blend_of(wildcards.phase, "blend"),
        blend_receipt=lambda wildcards: blend_of(wildcards.phase, "receipt"),
        index_cache=lambda wildcards: index_cache_of(wildcards.phase),
        earlier_blends=lambda wildcards: blends_of(phases_before(wildcards.phase)),
        earlier_index_caches=lambda wildcards: index_caches_of(phases_before(wildcards.phase)),
        before=segment_before,
    output:
        receipt=f"{CHECKPOINTS}/{{phase}}/{{segment}}/receipt.json",
        metrics=f"{CHECKPOINTS}/{{phase}}/{{segment}}/metrics.jsonl",
    log:
        f"{CHECKPOINTS}/{{phase}}/{{segment}}/train_segment.log",
    conda:
        "../envs/train.yaml"
    threads: lambda wildcards: layout(wildcards).processes_per_node * layout(wildcards).threads
    resources:
        nodes=lambda wildcards: layout(wildcards).nodes,
        processes_per_node=lambda wildcards: layout(wildcards).processes_per_node,
        cpus_per_task=lambda wildcards, threads: max(1, threads // layout(wildcards).processes_per_node),
        # For Slurm: the launcher starts the ranks (mpi), of which sbatch only needs to know how many. With GPUs it is
        # ntasks-per-node alone that says so.
        mpi=0,
        gres=lambda wildcards: f"gpu:{gpus(wildcards)}" if gpus(wildcards) else "",
        tasks=lambda wildcards: 0 if gpus(wildcards) else layout(wildcards).processes,
        slurm_extra=lambda wildcards: f"--ntasks-per-node={layout(wildcards).processes_per_node}",
        container="",
        mounts="",
        grace=0,
        attempt=lambda wildcards, attempt: attempt,
        weights=RECIPE.checkpoint.save or "results/weights",
        save_interval=RECIPE.checkpoint.save_interval,
        evaluation_tokens=RECIPE.evaluation.tokens,
        layout=lambda wildcards: layout(wildcards).model_dump_json(),
    params:
        spec=segment_spec,
    shell:
        "python scripts/launch.py"
        " --nodes {resources.nodes}"
        " --processes-per-node {resources.processes_per_node}"
        " --threads {resources.cpus_per_task}"
        " --container={resources.container:q}"
        " --mounts={resources.mounts:q}"
        " --grace {resources.grace}"
        " --"
        " python scripts/train_segment.py"
        " --spec {params.spec:q}"
        " --phase {wildcards.phase:q}"
        " --segment {wildcards.segment:q}"
        " --blend {input.blend:q}"
        " --blend-receipt {input.blend_receipt:q}"
        " --index-cache {input.index_cache:q}"
        " --before {input.before:q}"
        " --weights {resources.weights:q}"
        " --receipt {output.receipt:q}"
        " --metrics {output.metrics:q}"
        " --evaluation-tokens {resources.evaluation_tokens}"
        " --layout {resources.layout:q}"
        " --threads {resources.cpus_per_task}"
        " --save-interval {resources.save_interval}"
        " --attempt {resources.attempt}"
        " > {log:q} 2>&1"


rule export_hf:
    input:
        checkpoint=segment_receipt(SEGMENTS[-1]),
        blends=all_blends,
        index_caches=all_index_caches,
        tokenizer=ancient(str(RECIPE.tokenizer_file)),
        beside=beside_tokenizer(),
    output:
        model=directory(f"{EXPORT}/model"),
        manifest=report(f"{EXPORT}/manifest.json", caption="captions/manifest.rst", category="Next stage"),
        receipt=f"{EXPORT}/receipt.json",
    log:
        f"{EXPORT}/export_hf.log",
    conda:
        "../envs/train.yaml"
    threads: RECIPE.layout.threads
    params:
        key=canonical_json(keys.export_key(RECIPE)),
        tokenizer=subpath(input.tokenizer, parent=True),
    shell:
        "python scripts/export_hf.py"
        " --checkpoint {input.checkpoint:q}"
        " --tokenizer {params.tokenizer:q}"
        " --key {params.key:q}"
        " --model {output.model:q}"
        " --manifest {output.manifest:q}"
        " --receipt {output.receipt:q}"
        " > {log:q} 2>&1"
