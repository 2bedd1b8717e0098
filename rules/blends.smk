"""
Datasets become the blend of a phase. A checkpoint rule: a blend that comes out the same retrains nothing.

    in    results/tokens/{tokenizer}/{dataset}/index.json of the phase's datasets
    out   results/blends/{recipe}/{phase}/blend.json, blend.receipt.json
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
