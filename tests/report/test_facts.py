"""A report's numbers come from receipts and from the metrics that they list."""

import re
from pathlib import Path

import pytest

from nano3.report.facts import ReportError
from nano3.report.page import write_report
from tests.receipts import LINEAGE, PAGE, RECEIPT, SHARDS
from tests.report.conftest import KEY, RECIPE, page, read_story


def test_a_realized_mixture_is_counted_in_tokens_not_in_samples(house: Path) -> None:
    long_context = read_story().phases[2]
    # shares 1:2:3 of 6, 10 and 6 samples, the rest to the first; of 1,024, 128 and 1,024 tokens
    drawn = {"web": 2 * 1024 + 128 * 2, "code": 2 * 2 * 1024 + 3 * 128, "maths": 2 * 3 * 1024 + 5 * 128}
    assert long_context.drawn == drawn
    assert sum(drawn.values()) == long_context.tokens == 13_568
    assert long_context.realized["web"] == pytest.approx(2304 / 13_568)
    assert long_context.deviation["maths"] == pytest.approx(6784 / 13_568 - 3 / 6)
    assert long_context.most_deviant in ("web", "code")


def test_held_out_losses_run_from_a_phases_first_segment_to_its_last(house: Path) -> None:
    phases = read_story().phases
    assert phases[0].before["web"] == pytest.approx(8.0)
    assert phases[0].after["web"] == pytest.approx(4 + 4 / (1 + 40 / 9) - 0.1)
    assert phases[1].before["web"] == pytest.approx(4 + 4 / (1 + 50 / 9))


def test_what_was_read_is_told_in_tokens_and_epochs(house: Path) -> None:
    story = read_story()
    assert story.read == {name: sum(phase.drawn[name] for phase in story.phases) for name in ("web", "code", "maths")}
    assert story.epochs["maths"] == pytest.approx(story.read["maths"] / 60_000)


def test_metrics_that_are_not_the_listed_ones_are_refused(house: Path) -> None:
    metrics = Path("results/checkpoints/tiny/phase2/anneal/metrics.jsonl")
    metrics.write_text(metrics.read_text().replace("0", "1", 1))
    with pytest.raises(ReportError, match=re.escape(f"{metrics}: not the file that")):
        page()


def test_a_receipt_without_a_segment_is_no_report(house: Path) -> None:
    with pytest.raises(ReportError, match="stands on no trained segment"):
        write_report(Path("results/tokens/tiny/web/index.json"), LINEAGE, SHARDS, KEY, PAGE, RECEIPT, RECIPE, [])
