"""
The report: one offline page on an exported model and everything that it stands on.

When is the page another page? When a receipt it stands on, or the lineage, is another: it holds nothing else, no date
of its own, no random name, and asks no network for anything.
"""

import os
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nano3.digest import digest_file
from nano3.lineage import closure
from nano3.receipt import replaced
from nano3.report import figures, graph, ledger, wording
from nano3.report.facts import collect, mean
from nano3.report.svg import DARK, LIGHT

TEMPLATES = Path(__file__).parent


def write_report(recipe: str, receipt: Path, lineage: Path, page: Path) -> None:
    """
    The report of an exported model, as one HTML page.

    recipe: name the artifacts go by. receipt: the export's. lineage: its lineage, linked beside the page and named by
    digest. page: the file to write, whole or not at all.
    Raises ReceiptError or LineageError where a receipt is missing or stands on something that has changed since,
    ReportError where a segment's metrics are not the ones that its receipt lists.
    """
    receipts = closure(receipt)
    story = collect(receipts)
    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= wording.FILTERS | {"mean": mean}
    html = environment.get_template("page.html.j2").render(
        recipe=recipe,
        story=story,
        picture=graph.picture(story),
        tokens_chart=figures.tokens_chart(story),
        mixture_chart=figures.mixture_chart(story),
        training_chart=figures.training_chart(story),
        artifacts=ledger.artifacts(story),
        shards=ledger.shards(story),
        circumstances=ledger.circumstances(receipts),
        lineage={"href": os.path.relpath(lineage, page.parent), "name": lineage.name, "sha256": digest_file(lineage)},
        light=LIGHT,
        dark=DARK,
    )
    with replaced(page) as aside:
        aside.write_text(html, encoding="utf-8")
