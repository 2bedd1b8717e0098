"""docs/ becomes a site that needs no network and in which no link is dead."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from docs.site import DeadLinkError, for_site, write_pages

FROM_ELSEWHERE = re.compile(r"<(?:script|link|img|iframe)[^>]*(?:src|href)=\"?(?:https?:)?//[^>]*>")


def page(folder: Path, text: str) -> Path:
    (folder / "docs").mkdir(exist_ok=True)
    path = folder / "docs/page.md"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("link", "shown"),
    [
        ("[keys.py](../code/keys.py)", "`code/keys.py`"),
        ("[`keys.py`](../code/keys.py)", "`code/keys.py`"),
        ("[the key](../code/keys.py)", "the key (`code/keys.py`)"),
        ("[the key](../code/keys.py#L3)", "the key (`code/keys.py`)"),
        ("[page](page.md#a)", "[page](page.md#a)"),
        ("[a](#a)", "[a](#a)"),
        ("[there](https://example.org/a)", "[there](https://example.org/a)"),
        ("`[no](nowhere)`", "`[no](nowhere)`"),
        ("```\n[no](nowhere)\n```", "```\n[no](nowhere)\n```"),
    ],
)
def test_a_link_to_a_file_of_the_repository_becomes_its_path(link: str, shown: str, tmp_path: Path) -> None:
    (tmp_path / "code").mkdir()
    (tmp_path / "code/keys.py").touch()
    assert for_site(page(tmp_path, link), tmp_path / "docs") == shown


def test_a_link_to_nowhere_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DeadLinkError, match=r"page\.md: \.\./gone\.py does not exist"):
        for_site(page(tmp_path, "[gone](../gone.py)"), tmp_path / "docs")


def built(folder: Path) -> subprocess.CompletedProcess[str]:
    shutil.copy("mkdocs.yml", folder)
    write_pages(pages=folder / "build/pages")
    return rebuilt(folder)


def rebuilt(folder: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def test_the_site_loads_nothing_from_another_server(tmp_path: Path) -> None:
    done = built(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    pages = sorted((tmp_path / "build/site").rglob("*.html"))
    assert len(pages) > 20
    assert {match[0] for each in pages for match in FROM_ELSEWHERE.finditer(each.read_text(encoding="utf-8"))} == set()
    assert [each for each in pages if 'class="mermaid"' in each.read_text(encoding="utf-8")] == []


@pytest.mark.parametrize("link", ["gone.md", "usage.md#gone", "#gone"])
def test_a_dead_link_stops_the_site(link: str, tmp_path: Path) -> None:
    built(tmp_path)
    with (tmp_path / "build/pages/index.md").open("a", encoding="utf-8") as home:
        home.write(f"\n[dead]({link})\n")
    assert "does not exist" in (done := rebuilt(tmp_path)).stdout + done.stderr
    assert done.returncode == 1


def test_the_menu_lists_every_page_once() -> None:
    sections = yaml.safe_load(Path("mkdocs.yml").read_text(encoding="utf-8"))["nav"]
    menu = [page for section in sections for pages in section.values() for page in pages]
    assert sorted(menu) == sorted(str(path.relative_to("docs")) for path in Path("docs").rglob("*.md"))
