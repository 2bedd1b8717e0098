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
        indexes=lambda w: build.indexes_to_blend(w.phase),
    output:
        blend=paths.blend("{phase}"),
        receipt=paths.blend_receipt("{phase}"),
    log:
        paths.blend_log("{phase}", "write_blend"),
    conda:
        "../envs/tokens.yaml"
    params:
        key=untracked(lambda w: build.blend_key(w.phase)),
        needs=untracked(lambda w: build.sequence_needs(w.phase)),
    shell:
        "python scripts/write_blend.py"
        " --indexes {input.indexes:q}"
        " --key {params.key:q}"
        " --needs {params.needs:q}"
        " --blend {output.blend:q}"
        " --receipt {output.receipt:q}"
        " > {log:q} 2>&1"


checkpoint build_index_cache:
    input:
        blend=lambda w: build.blend(w.phase),
        blend_receipt=lambda w: build.blend_receipt(w.phase),
        judged=lambda w: build.judged_cache(w.phase),
    output:
        receipt=paths.index_cache("{phase}"),
    log:
        paths.blend_log("{phase}", "build_index_cache"),
    conda:
        "../envs/tokens.yaml"
    threads: 4
    params:
        key=untracked(lambda w: build.index_cache_key(w.phase)),
        streams=untracked(STREAMS),
    shell:
        "python scripts/build_index_cache.py"
        " --blend {input.blend:q}"
        " --blend-receipt {input.blend_receipt:q}"
        " --key {params.key:q}"
        " --streams {params.streams:q}"
        " --processes {threads}"
        " --receipt {output.receipt:q}"
        " > {log:q} 2>&1"
