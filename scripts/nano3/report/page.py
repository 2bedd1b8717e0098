"""
When does the report change? When a receipt behind it, or the lineage, does.

It is one offline page about an exported model and everything it was made from. It holds no date of its own and no
random name, and loads nothing from a network.
"""

import json
import os
from pathlib import Path

from nano3.artifact.digest import digest_file
from nano3.artifact.receipt import Input, Output, Run
from nano3.artifact.steps import ReportFacts, ReportKey, ReportReceipt, read_receipt
from nano3.config.load import OVERRIDE
from nano3.corpus.dropped import dropped_rows
from nano3.drawing.templates import write_page
from nano3.provenance.lineage import closure
from nano3.provenance.shard_records import read_shards
from nano3.recipes.extends import Composition, read_composition
from nano3.recipes.overrides import changed, parse_overrides
from nano3.report import artifacts, figures, graph
from nano3.report.collect import collect
from nano3.report.sources import values

CRATE = "ro-crate-metadata.json"  # written with the lineage


def write_report(
    export: Path,
    lineage: Path,
    shards: Path,
    key: ReportKey,
    page: Path,
    receipt: Path,
    recipe: Path,
    overrides: list[str],
) -> None:
    """
    The report of an exported model, as one HTML page.

    export: its receipt. lineage, shards: its lineage and the table of its shards, linked beside the page and named by
    digest. key: `recipe`, the name the artifacts go by. page: the file to write, whole or not at all. receipt: the
    page's own. recipe, overrides: the recipe's file and what the command line changed in it, if anything, for the
    sources of its numbers; the comments of a file are no reason to make the page again.
    Raises ReceiptError or LineageError where a receipt is missing or stands on something that has changed since,
    ReportError where a segment's metrics are not the ones that its receipt lists.
    """
    run = Run(("jinja2", "matplotlib"))
    files = [Input("file", str(path), digest_file(path)) for path in (lineage, shards)]
    story = collect(closure(export), read_shards(shards))
    agents = json.loads(lineage.read_text(encoding="utf-8"))["agent"].values()
    write_page(
        page,
        Path(__file__).with_name("page.html.j2"),
        recipe=key["recipe"],
        story=story,
        picture=graph.picture(story),
        dropped=[line for each in story.datasets if (line := dropped_rows(each.name, each.facts))],
        tokens_chart=figures.tokens_chart(story),
        mixture_chart=figures.mixture_chart(story),
        training_chart=figures.training_chart(story),
        artifacts=artifacts.rows(story),
        circumstances=artifacts.circumstances(story, agents),
        values=values(_composition(recipe, " ".join(overrides))),
        files=[_linked(file, page) for file in files],
        crate=CRATE if (page.parent / CRATE).exists() else None,
    )
    inputs, outputs = [read_receipt(export).as_input(export), *files], [Output.of(page)]
    ReportReceipt.made(run, key=key, inputs=inputs, outputs=outputs, facts=ReportFacts()).write(receipt)


def _composition(recipe: Path, overrides: str) -> Composition:
    """What a recipe says, with what it extends and with its overrides."""
    return changed(read_composition(recipe.stem, recipe.parent), parse_overrides(overrides), OVERRIDE)


def _linked(file: Input, page: Path) -> dict[str, str]:
    """A file that the page links to."""
    return {"href": os.path.relpath(file.path, page.parent), "name": Path(file.path).name, "sha256": file.digest}
