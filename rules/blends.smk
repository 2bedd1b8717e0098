"""
Datasets become the blend of a phase. A checkpoint rule: a blend that comes out the same retrains nothing.

    in    results/tokens/{tokenizer}/{dataset}/index.json of the phase's datasets; where the recipe caps epochs, of
          earlier phases' datasets, too
    out   results/blends/{recipe}/{phase}/blend.json, blend.receipt.json
"""


checkpoint write_blend:
    input:
        indexes=lambda wildcards: [
            f"{TOKENS}/{dataset}/index.json" for dataset in keys.blend_datasets(RECIPE, wildcards.phase)
        ],
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
