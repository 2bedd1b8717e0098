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
        index_cache=lambda wildcards: ancient(checkpoints.build_index_cache.get(phase=wildcards.phase).output.receipt),
        earlier_blends=lambda wildcards: [blend_of(phase, "receipt") for phase in phases_before(wildcards.phase)],
        before=segment_before,
    output:
        receipt=f"{CHECKPOINTS}/{{phase}}/{{segment}}/receipt.json",
        metrics=f"{CHECKPOINTS}/{{phase}}/{{segment}}/metrics.jsonl",
    log:
        f"{CHECKPOINTS}/{{phase}}/{{segment}}/train_segment.log",
    conda:
        "../envs/train.yaml"
    threads: lambda wildcards: RECIPE.layout_of(wildcards.phase).threads
    resources:
        weights=RECIPE.checkpoint.save or "results/weights",
        save_interval=RECIPE.checkpoint.save_interval,
        evaluation_tokens=RECIPE.evaluation.tokens,
        micro_batch_tokens=lambda wildcards: RECIPE.layout_of(wildcards.phase).micro_batch_tokens,
    params:
        spec=segment_spec,
    shell:
        "python scripts/train_segment.py"
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
        " --micro-batch-tokens {resources.micro_batch_tokens}"
        " --threads {threads}"
        " --save-interval {resources.save_interval}"
        " > {log:q} 2>&1"


rule export_hf:
    input:
        checkpoint=segment_receipt(SEGMENTS[-1]),
        blends=all_blends,
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
