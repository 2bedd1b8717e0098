"""What the pages show, name and link to is there."""

import re
from pathlib import Path

import pytest
import yaml
from markdown.extensions.toc import slugify

from nano3.config.load import load_recipe
from nano3.core.schema import validated
from nano3.raw.datasets import Dataset
from tests.docs.pages import BLOCK, PAGES, README, anchor, headings, links, prose, text_of

by_page = pytest.mark.parametrize("page", PAGES, ids=str)


@by_page
def test_every_link_leads_to_a_file_and_to_a_heading_in_it(page: Path) -> None:
    for link in links(page):
        file, _, heading = link.partition("#")
        target = page.parent / file if file else page
        assert target.exists(), link
        assert not heading or heading in map(anchor, headings(target)), link


@by_page
def test_a_heading_has_the_same_name_in_a_link_on_github_and_on_the_site(page: Path) -> None:
    assert [each for each in headings(page) if anchor(each) != slugify(each, "-")] == []


@pytest.mark.parametrize("page", sorted(Path("docs").glob("*.md")), ids=str)
def test_a_room_answers_one_question(page: Path) -> None:
    assert [line.endswith("?") for line in re.findall(r"^# (.+)$", prose(page), re.M)] == [True]


def test_the_readme_is_a_screen_and_a_half_with_its_limits_on_the_first() -> None:
    text = text_of(README)
    assert len(text.split()) < 900
    assert [line for line in prose(README).splitlines() if len(line) > 100 and not line.startswith("|")] == []
    assert "Nothing here has run on" in text[: text.index("## Try it")]


def test_every_row_of_what_rebuilds_what_names_tests_that_exist() -> None:
    rows = [line for line in text_of(Path("docs/rebuilds.md")).splitlines() if line.startswith("| ")][1:]
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path("tests").rglob("test_*.py"))
    defined = set(re.findall(r"^def (test_\w+)", tests, re.M))
    assert len(rows) > 20
    for row in rows:
        names = re.findall(r"`(test_\w+)`", row.rsplit(" | ", 1)[1])
        assert names, row
        assert set(names) <= defined, row


def test_a_test_that_a_page_names_exists() -> None:
    tests = "\n".join(path.read_text(encoding="utf-8") for path in Path("tests").rglob("test_*.py"))
    named = {name for page in PAGES for name in re.findall(r"`(test_\w+)`", text_of(page))}
    assert named <= set(re.findall(r"^def (test_\w+)", tests, re.M))


def test_a_description_that_is_shown_is_one() -> None:
    shown = [text for page in PAGES for kind, text in BLOCK.findall(text_of(page)) if kind == "yaml"]
    described = [re.match(r"# (config/datasets/\S+)\n", text) for text in shown]
    assert sum(map(bool, described)) > 1
    for text, path in zip(shown, described, strict=True):
        value = yaml.safe_load(text)
        if path:
            validated(Dataset, value, path[1])
        if path and Path(path[1]).exists():
            assert value == yaml.safe_load(Path(path[1]).read_text(encoding="utf-8")), path[1]


def test_the_folder_of_tinys_tokens_is_the_one_that_it_has() -> None:
    named = {name for page in PAGES for name in re.findall(r"results/tokens/(tiny-\w+)", text_of(page))}
    assert named == {load_recipe("tiny")[1].tokens_name}


def test_every_page_is_one_click_from_the_home_of_the_site() -> None:
    home, benchmarks = Path("docs/index.md"), Path("docs/benchmarks.md")
    reached = {page.parent / link.partition("#")[0] for page in (home, benchmarks) for link in links(page)}
    assert set(Path("docs").rglob("*.md")) - {home} <= reached
