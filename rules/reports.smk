"""
Receipts become lineage, lineage becomes a page.

    in    results/exports/{recipe}/receipt.json and the receipts that it refers to
    out   results/reports/{recipe}/lineage.json     W3C PROV
          results/reports/{recipe}/index.html       one page, offline
"""


rule write_lineage:
    input:
        receipt=rules.export_hf.output.receipt,
        blends=all_blends,
    output:
        lineage=f"{REPORT}/lineage.json",
    log:
        f"{REPORT}/write_lineage.log",
    conda:
        "../envs/report.yaml"
    params:
        code=digest_code("write_lineage"),
    shell:
        "python scripts/write_lineage.py"
        " --receipt {input.receipt:q}"
        " --lineage {output.lineage:q}"
        " > {log:q} 2>&1"


rule write_report:
    input:
        receipt=rules.export_hf.output.receipt,
        blends=all_blends,
        lineage=rules.write_lineage.output.lineage,
    output:
        page=f"{REPORT}/index.html",
    log:
        f"{REPORT}/write_report.log",
    conda:
        "../envs/report.yaml"
    params:
        recipe=RECIPE_NAME,
        code=digest_code("write_report"),
        template=digest_json([digest_file(path) for path in sorted(Path("scripts/nano3/report").glob("*.j2"))]),
    shell:
        "python scripts/write_report.py"
        " --recipe {params.recipe:q}"
        " --receipt {input.receipt:q}"
        " --lineage {input.lineage:q}"
        " --page {output.page:q}"
        " > {log:q} 2>&1"
