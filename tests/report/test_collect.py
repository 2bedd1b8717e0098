"""A report is made of the receipts of one export and of the metrics that they list, or not at all."""

import re
from pathlib import Path

import pytest

from nano3.report.facts import ReportError
from nano3.report.page import write_report
from tests.receipts import LINEAGE, PAGE, RECEIPT, SHARDS
from tests.report.conftest import KEY, RECIPE, page


def test_metrics_that_are_not_the_listed_ones_are_refused(house: Path) -> None:
    metrics = Path("results/checkpoints/tiny/phase2/anneal/metrics.jsonl")
    metrics.write_text(metrics.read_text().replace("0", "1", 1))
    with pytest.raises(ReportError, match=re.escape(f"{metrics}: not the file that")):
        page()


def test_a_receipt_without_a_segment_is_no_report(house: Path) -> None:
    with pytest.raises(ReportError, match="stands on no trained segment"):
        write_report(Path("results/tokens/tiny/web/index.json"), LINEAGE, SHARDS, KEY, PAGE, RECEIPT, RECIPE, [])
