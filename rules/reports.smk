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
        receipt=lambda w: build.export_receipt(),
        judged=lambda w: build.judged_lineage(),
    output:
        lineage=report(paths.reported("lineage.json"), caption="captions/lineage.rst", category="Provenance"),
        shards=paths.reported("lineage.shards.tsv"),
        crate=paths.reported("ro-crate-metadata.json"),
        workflow=paths.reported("Snakefile"),
        receipt=paths.reported("lineage.receipt.json"),
    log:
        paths.reported("write_lineage.log"),
    conda:
        "../envs/report.yaml"
    params:
        key=untracked(lambda w: build.lineage_key()),
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
        receipt=lambda w: build.export_receipt(),
        lineage=lambda w: build.lineage("lineage.json"),
        shards=lambda w: build.lineage("lineage.shards.tsv"),
        recipe=ancient(f"config/recipes/{settings.recipe}.yaml"),
        judged=lambda w: build.judged_report(),
    output:
        page=report(paths.reported("index.html"), caption="captions/report.rst", category="Training"),
        receipt=paths.reported("report.receipt.json"),
    log:
        paths.reported("write_report.log"),
    conda:
        "../envs/report.yaml"
    params:
        key=untracked(lambda w: build.report_key()),
        overrides=untracked(settings.set),
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
    build.tell_dropped()
    build.tell_left_out()
    build.publish()
    build.engine.tell(ending(build.request, settings, build.engine.jobs), ends=True)


onerror:
    build.tell_dropped()
    build.tell_left_out()
    build.publish()
