"""A comparison as text and as a page."""

import json
import re
from pathlib import Path

import pytest

from nano3.provenance.compare import compare
from nano3.report.comparison import as_text, write_comparison
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
