"""The report: one offline page with everything that an export stands on, the same for the same receipts."""

import json
import re
from pathlib import Path

import msgspec
import pytest

from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import IndexCacheFacts, IndexCacheReceipt, ReportReceipt, read_receipt
from nano3.provenance.lineage import closure
from nano3.provenance.shard_records import read_shards
from nano3.report.facts import ReportError
from nano3.report.page import write_report
from tests.receipts import CRATE, EXPORT, LINEAGE, PAGE, PHASES, RECEIPT, SHARDS, receipt_input
from tests.report.conftest import KEY, RECIPE, page


def test_the_page_shows_every_dataset_phase_segment_and_shard(house: Path) -> None:
    html = page()
    for name in ("web", "code", "maths", *PHASES, *(f"{phase}/{row[0]}" for phase in PHASES for row in PHASES[phase])):
        assert f">{name}</text>" in html, f"{name} is not in the picture"
        assert re.search(rf">{name}(</th>|<br>)", html), f"{name} is in no table"
    for path in [*closure(EXPORT), *(shard.receipt for shard in read_shards(SHARDS))]:
        assert path in html


def test_the_page_asks_no_network_for_anything(house: Path) -> None:
    html = page()
    assert not re.search(r"https?://", html)
    assert not re.search(r"\bsrc=|<link|<script|@import|url\((?!#)", html)
    targets = set(re.findall(r'href="([^"]*)"', html))
    beside = {path.name for path in (LINEAGE, SHARDS, CRATE)}
    assert {target for target in targets if not target.startswith("#")} == beside
    assert "default-src 'none'" in html


def test_every_link_in_the_page_leads_somewhere_and_no_id_is_there_twice(house: Path) -> None:
    html = page()
    ids = re.findall(r'\bid="([^"]+)"', html)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'(?:href="|url\()#([^")]+)', html)) <= set(ids)


def test_the_same_receipts_make_the_same_bytes(house: Path) -> None:
    assert page() == page()


def test_the_page_has_a_receipt_that_says_what_it_shows(house: Path) -> None:
    page()
    receipt = read_receipt(RECEIPT, ReportReceipt)
    assert receipt.key == KEY
    assert [source.path for source in receipt.inputs] == [str(EXPORT), str(LINEAGE), str(SHARDS)]
    assert receipt.outputs == (Output.of(PAGE),)


def test_names_are_text_whatever_they_contain(house: Path) -> None:
    write_report(EXPORT, LINEAGE, SHARDS, {**KEY, "recipe": "<b>bold</b> & more"}, PAGE, RECEIPT, RECIPE, [])
    html = PAGE.read_text(encoding="utf-8")
    assert "<b>bold" not in html
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; more" in html


def test_a_mixture_that_is_off_by_more_than_rounding_is_marked(house: Path) -> None:
    assert "rounding explains" not in page()
    receipt = Path("results/checkpoints/tiny/phase1/stable/receipt.json")
    facts = json.loads(receipt.read_text())
    facts["facts"]["mixture"]["allowed"] = 0.0
    receipt.write_text(json.dumps(facts))
    assert "<mark>phase1/stable</mark> is off by" in page()


def test_a_layout_is_told_once_where_segments_agree_and_beside_each_what_differs(house: Path) -> None:
    receipts = [path for path in closure(EXPORT) if path.endswith("/receipt.json") and "checkpoints" in path]

    def lay_out(path: str, threads: int) -> None:
        receipt = json.loads(Path(path).read_text())
        receipt["facts"]["layout"] = {"trainer": "cpu", "threads": threads}
        Path(path).write_text(json.dumps(receipt))

    for path in receipts:
        lay_out(path, 2)
    html = page()
    assert html.count("trainer cpu") == html.count("threads 2") == 1
    assert ">Layout</th>" not in html
    lay_out(receipts[0], 4)
    html = page()
    assert html.count("trainer cpu") == html.count(">threads 4</td>") == 1
    assert html.count(">threads 2</td>") == len(receipts) - 1


def without_validation(sets: dict[str, int]) -> None:
    """Take sets out of all segments' losses, as if they had been left out."""
    for path in [path for path in closure(EXPORT) if path.endswith("/receipt.json") and "checkpoints" in path]:
        receipt = json.loads(Path(path).read_text())
        for losses in receipt["facts"]["validation"].values():
            for name in sets:
                del losses[name]
        receipt["facts"]["skipped_validation"] = sets
        Path(path).write_text(json.dumps(receipt))


def test_validation_sets_that_were_left_out_are_named_with_the_reason(house: Path) -> None:
    assert "left out validation sets" not in page()
    without_validation({"code": 12})
    html = page()
    assert "phase1 left out validation sets that are shorter than one sequence of 128 tokens, which needs 129" in html
    assert html.count("code has 12.") == 4  # phase1, phase2, long_context with two lengths
    assert "<small>mean of 2 datasets</small>" in html


def test_a_training_without_any_validation_set_has_its_report(house: Path) -> None:
    without_validation({"web": 1, "code": 12, "maths": 0})
    html = page()
    assert "<dt>Final validation loss</dt><dd>–" in html
    assert "no validation loss</text>" in html


def test_what_an_epoch_skips_is_told_of_each_dataset(house: Path) -> None:
    assert "is in no sample of that epoch" not in page()
    first = Path("results/checkpoints/tiny/phase1/stable/receipt.json")
    cache = Path("results/blends/tiny/phase1/index_cache.json")
    IndexCacheReceipt.made(
        Run(),
        key={"segments": [], "seed": 1, "code": "c"},
        inputs=[],
        outputs=[],
        facts=IndexCacheFacts(folders={}, epochs={}, pairs={}, skipped={"code": {128: 40, 1024: 800}}),
    ).write(cache)
    receipt = json.loads(first.read_text())
    receipt["inputs"].append(msgspec.to_builtins(receipt_input(cache)))
    first.write_text(json.dumps(receipt))
    assert "code 2\N{NARROW NO-BREAK SPACE}% at 1,024, 0.1\N{NARROW NO-BREAK SPACE}% at 128." in page()


def test_missing_metrics_are_one_clear_error_and_leave_no_page(house: Path) -> None:
    metrics = Path("results/checkpoints/tiny/phase2/anneal/metrics.jsonl")
    metrics.unlink()
    with pytest.raises(ReportError, match=re.escape(f"{metrics}: missing, but")):
        page()
    assert not PAGE.exists()


def test_rows_that_are_in_no_pair_are_told_with_their_reason(house: Path) -> None:
    assert "web: 2 of 110 rows are in no pair." in page()
    path = Path("results/tokens/tiny/web/index.json")
    receipt = json.loads(path.read_text())
    path.write_text(json.dumps(receipt | {"facts": receipt["facts"] | {"dropped": {"no text": 1, "empty": 1}}}))
    assert "web: 2 of 110 rows are in no pair: 1 empty, 1 without text." in page()
