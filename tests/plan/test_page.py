"""The plan as a page and as a picture file."""

import re
from pathlib import Path

from tests.plan.conftest import pin_again, plan


def test_the_page_is_offline_and_tells_every_state_by_a_word(house: Path) -> None:
    from nano3.plan.page import write_picture, write_plan

    pin_again("tiny-math", "set-mm-01")
    found = plan()
    write_plan(found, Path("plan.html"))
    write_picture(found, Path("plan.svg"))
    for file in (Path("plan.html"), Path("plan.svg")):
        text = file.read_text(encoding="utf-8")
        assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)|\bsrc=|<link|<script|@import", text)
        for words in ("1 of 3 shards will be made again", "3 shards fresh", "? if bytes change", "phase2/anneal"):
            assert words in text
    assert "raw bytes changed" in Path("plan.html").read_text(encoding="utf-8")


def test_the_page_tells_what_is_not_pinned(house: Path) -> None:
    from nano3.plan.page import write_plan

    Path("resources/tiny/math").mkdir(parents=True, exist_ok=True)
    Path("resources/tiny/math/new.jsonl.gz").touch()
    write_plan(plan(), Path("plan.html"))
    said = "tiny-math: 1 matching file is not pinned, e.g. resources/tiny/math/new.jsonl.gz"
    assert said in Path("plan.html").read_text(encoding="utf-8")


def test_commands_look_like_code_and_nothing_else_is_markup(bare: Path) -> None:
    from nano3.plan.page import write_plan

    Path("resources/tiny/math/set-mm-01.jsonl.gz").rename("resources/tiny/math/<b>.jsonl.gz")
    write_plan(plan(), Path("plan.html"))
    page = Path("plan.html").read_text(encoding="utf-8")
    assert "1 matching file is not pinned, e.g. resources/tiny/math/&lt;b&gt;.jsonl.gz: run <code>nano3 pin" in page
    assert "snakemake will stop before any job: tiny-math: 1 raw file is gone" in page
    assert "`" not in page.partition("</header>")[0].partition("<body>")[2]


def test_the_page_says_that_the_slow_engine_encodes(bare: Path) -> None:
    from nano3.plan.page import write_plan

    write_plan(plan(what_if={"tokenizer.engine": "tokenizers"}), Path("plan.html"))
    assert "will encode, about 30 times as slow as gigatoken" in Path("plan.html").read_text(encoding="utf-8")
