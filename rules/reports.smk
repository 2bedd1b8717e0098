"""
Receipts become lineage, lineage becomes a page.

    in    results/exports/{recipe}/receipt.json and the receipts that it refers to
    out   results/reports/{recipe}/lineage.json              W3C PROV
          results/reports/{recipe}/lineage.shards.tsv        a line for each shard of every dataset
          results/reports/{recipe}/ro-crate-metadata.json    the folder as a Workflow Run RO-Crate, with the Snakefile
          results/reports/{recipe}/index.html                one page, offline
          and their receipts, lineage.receipt.json and report.receipt.json

The report tells the sources of the recipe's numbers from comments of its file. They decide nothing, so the file is
ancient.
"""


rule write_lineage:
    input:
        receipt=rules.export_hf.output.receipt,
        blends=all_blends,
        index_caches=all_index_caches,
    output:
        lineage=report(f"{REPORT}/lineage.json", caption="captions/lineage.rst", category="Provenance"),
        shards=f"{REPORT}/lineage.shards.tsv",
        crate=f"{REPORT}/ro-crate-metadata.json",
        workflow=f"{REPORT}/Snakefile",
        receipt=f"{REPORT}/lineage.receipt.json",
    log:
        f"{REPORT}/write_lineage.log",
    conda:
        "../envs/report.yaml"
    params:
        key=canonical_json(keys.lineage_key()),
    shell:
        "python scripts/write_lineage.py"
        " --export {input.receipt:q}"
        " --key {params.key:q}"
        " --lineage {output.lineage:q}"
        " --shards {output.shards:q}"
        " --crate {output.crate:q}"
        " --receipt {output.receipt:q}"
        " > {log:q} 2>&1"


rule write_report:
    input:
        receipt=rules.export_hf.output.receipt,
        blends=all_blends,
        index_caches=all_index_caches,
        lineage=rules.write_lineage.output.lineage,
        shards=rules.write_lineage.output.shards,
        recipe=ancient(f"config/recipes/{settings.recipe}.yaml"),
    output:
        page=report(f"{REPORT}/index.html", caption="captions/report.rst", category="Training"),
        receipt=f"{REPORT}/report.receipt.json",
    log:
        f"{REPORT}/write_report.log",
    conda:
        "../envs/report.yaml"
    params:
        key=canonical_json(keys.report_key(RECIPE_NAME)),
        overrides=overrides,
    shell:
        "python scripts/write_report.py"
        " --export {input.receipt:q}"
        " --lineage {input.lineage:q}"
        " --shards {input.shards:q}"
        " --key {params.key:q}"
        " --page {output.page:q}"
        " --receipt {output.receipt:q}"
        " --recipe {input.recipe:q}"
        " --overrides {params.overrides:q}"
        " > {log:q} 2>&1"


onsuccess:
    publish()


onerror:
    publish()
