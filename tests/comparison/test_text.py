"""A comparison as text and as a page."""

import json
import re
from pathlib import Path

import pytest

from nano3.comparison.compare import compare
from nano3.comparison.text import as_text, write_comparison
from tests.lineage import BEFORE, build_twice
from tests.receipts import CHECKPOINTS, EXPORT


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    build_twice(["web", "code"], shards=3)


def test_shares_code_and_losses_are_told() -> None:
    receipt = CHECKPOINTS / "phase2/anneal/receipt.json"
    own = json.loads(receipt.read_text())
    own["facts"]["mixture"]["target"] = {"web": 0.5, "code": 0.5}
    own["facts"]["loss"]["last"] = 1.0
    receipt.write_text(json.dumps(own))
    index = Path("results/tokens/tiny/web/index.json")
    made = json.loads(index.read_text())
    made["run"]["git"] = {"commit": "0123", "dirty": True}
    index.write_text(json.dumps(made))
    text = as_text(compare(str(BEFORE / EXPORT.relative_to("results")), "tiny")).replace(
        "\N{NARROW NO-BREAK SPACE}", " "
    )
    assert "phase2  code     66.7 % -> 50.0 %" in text
    assert "git" in text
    assert "-> 1.000" in next(line for line in text.splitlines() if "phase2/anneal" in line and "->" in line)


def test_a_page_asks_no_network_and_says_the_same(tmp_path: Path) -> None:
    write_comparison(compare("tiny", "tiny"), tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert not re.search(r"https?://|<script|<link|@import", html)
    assert html.count("<p>The same.</p>") == 4
    assert "->" not in html
    assert 'class="same">same<' in html


def test_another_tokenizer_and_what_is_not_compared_are_told_on_the_page(tmp_path: Path) -> None:
    for shard in Path("results/tokens/tiny").glob("*/train/*.json"):
        made = json.loads(shard.read_text())
        made["key"]["tokenizer"] = {"sha256": "2" * 64}
        shard.write_text(json.dumps(made))
    write_comparison(compare(str(BEFORE / EXPORT.relative_to("results")), "tiny"), tmp_path / "page.html")
    html = (tmp_path / "page.html").read_text()
    assert "Other tokenizer (sha256 111111111111 -&gt; 222222222222): validation losses are compared in bits" in html
    assert '<p class="note">web is not compared: other tokenizer' in html
    assert "phase1/<wbr>stable" in html


def test_numbers_and_truths_are_written_for_people() -> None:
    for segment in ("stable", "decay"):
        receipt = CHECKPOINTS / "phase1" / segment / "receipt.json"
        own = json.loads(receipt.read_text())
        own["key"]["batch"]["sequence_length"] = 4096
        own["key"]["model"] = {"tied": True}
        receipt.write_text(json.dumps(own))
    text = as_text(compare(str(BEFORE / EXPORT.relative_to("results")), "tiny"))
    assert "128 -> 4,096" in text
    assert "None -> true" not in text
    assert "– -> true" in text
