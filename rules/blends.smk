"""
Datasets become the blend of a phase. A checkpoint rule: a blend that comes out the same retrains nothing. What training
needs to find any sample of the phase is built here too, so that no GPU waits for it; a checkpoint as well, for Snakemake
looks at what decides a training job only when nothing above it is left to run.

    in    results/tokens/{tokenizer}/{dataset}/index.json of the phase's datasets; where the recipe caps epochs, of
          earlier phases' datasets, too
    out   results/blends/{recipe}/{phase}/blend.json, blend.receipt.json
          results/blends/{recipe}/{phase}/index_cache.json     where the orders of the datasets' documents are

The orders themselves lie in results/streams/{dataset}-{digest}, which is no output: phases and recipes share them.
"""


checkpoint write_blend:
    input:
        indexes=to_blend,
    output:
        blend=f"{BLENDS}/{{phase}}/blend.json",
        receipt=f"{BLENDS}/{{phase}}/blend.receipt.json",
    log:
        f"{BLENDS}/{{phase}}/write_blend.log",
    conda:
        "../envs/tokens.yaml"
    params:
        key=blend_key,
    shell:
        "python scripts/write_blend.py"
        " --indexes {input.indexes:q}"
        " --key {params.key:q}"
        " --blend {output.blend:q}"
        " --receipt {output.receipt:q}"
        " > {log:q} 2>&1"


checkpoint build_index_cache:
    input:
        blend=lambda wildcards: blend_of(wildcards.phase, "blend"),
        blend_receipt=lambda wildcards: blend_of(wildcards.phase, "receipt"),
        earlier_blends=lambda wildcards: blends_of(phases_before(wildcards.phase)),
    output:
        receipt=f"{BLENDS}/{{phase}}/index_cache.json",
    log:
        f"{BLENDS}/{{phase}}/build_index_cache.log",
    conda:
        "../envs/tokens.yaml"
    threads: 4
    resources:
        streams="results/streams",
    params:
        key=index_cache_key,
    shell:
        "python scripts/build_index_cache.py"
        " --blend {input.blend:q}"
        " --blend-receipt {input.blend_receipt:q}"
        " --key {params.key:q}"
        " --streams {resources.streams:q}"
        " --processes {threads}"
        " --receipt {output.receipt:q}"
        " > {log:q} 2>&1"
