"""
Blends become checkpoints: phase after phase, segment after segment, each continuing the one before.

    in    results/blends/{recipe}/{phase}/blend.json, index_cache.json, the receipt of the segment before
    out   results/checkpoints/{recipe}/{phase}/{segment}/receipt.json, metrics.jsonl
          results/exports/{recipe}/model, receipt.json      the last checkpoint for Hugging Face transformers
          results/exports/{recipe}/manifest.json            what the next stage needs to know

Weights lie in results/weights/{digest of the spec}/iter_*, which is no output: an interrupted segment finds its own
folder again and resumes. An input `judged` is no file: the job waits until it is known what it is made from.
"""


rule train_segment:
    input:
        blend=lambda w: build.blend(w.phase),
        blend_receipt=lambda w: build.blend_receipt(w.phase),
        index_cache=lambda w: build.index_cache(w.phase),
        before=lambda w: build.segment_before(w.phase, w.segment),
        judged=lambda w: build.judged_segment(w.phase, w.segment),
    output:
        receipt=paths.segment("{phase}", "{segment}"),
        metrics=paths.metrics("{phase}", "{segment}"),
    log:
        paths.segment_log("{phase}", "{segment}"),
    conda:
        "../envs/train.yaml"
    threads: lambda w: build.cores(w.phase)
    resources:
        nodes=lambda w: build.layout(w.phase).nodes,
        processes_per_node=lambda w: build.layout(w.phase).processes_per_node,
        cpus_per_task=lambda w, threads: max(1, threads // build.layout(w.phase).processes_per_node),
        # For Slurm: the launcher starts the ranks (mpi), of which sbatch only needs to know how many. With GPUs it is
        # ntasks-per-node alone that says so.
        mpi=0,
        gres=lambda w: f"gpu:{build.gpus(w.phase)}" if build.gpus(w.phase) else "",
        tasks=lambda w: 0 if build.gpus(w.phase) else build.layout(w.phase).processes,
        slurm_extra=lambda w: f"--ntasks-per-node={build.layout(w.phase).processes_per_node}",
        # Not resources by nature. A site sets these three in its profile, whose set-resources is the one part of it that
        # --config on the command line leaves in place.
        container="",
        mounts="",
        grace=0,
        # Snakemake tells the number of an attempt to functions of resources alone.
        attempt=lambda w, attempt: attempt,
    params:
        spec=untracked(lambda w: build.segment_spec(w.phase, w.segment)),
        weights=untracked(recipe.checkpoint.save or WEIGHTS),
        save_interval=untracked(recipe.checkpoint.save_interval),
        evaluation_tokens=untracked(recipe.evaluation.tokens),
        layout=untracked(lambda w: build.layout(w.phase).model_dump_json()),
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
        " --weights {params.weights:q}"
        " --receipt {output.receipt:q}"
        " --metrics {output.metrics:q}"
        " --evaluation-tokens {params.evaluation_tokens}"
        " --layout {params.layout:q}"
        " --threads {resources.cpus_per_task}"
        " --save-interval {params.save_interval}"
        " --attempt {resources.attempt}"
        " > {log:q} 2>&1"


rule export_hf:
    input:
        checkpoint=lambda w: build.last_checkpoint(),
        tokenizer=build.tokenizer_file,
        beside=build.beside_tokenizer,
        judged=lambda w: build.judged_export(),
    output:
        model=directory(paths.exported("model")),
        manifest=report(paths.exported("manifest.json"), caption="captions/manifest.rst", category="Next stage"),
        receipt=paths.exported("receipt.json"),
    log:
        paths.exported("export_hf.log"),
    conda:
        "../envs/train.yaml"
    threads: recipe.layout.threads
    params:
        key=untracked(lambda w: build.export_key()),
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
