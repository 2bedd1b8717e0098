"""The README promises what tests hold."""

import re
from pathlib import Path

README = Path("README.md")


def test_every_row_of_what_rebuilds_what_names_tests_that_exist() -> None:
    section = README.read_text(encoding="utf-8").split("## What rebuilds what")[1].split("\n## ")[0]
    rows = [line for line in section.splitlines() if line.startswith("| ")][1:]
    defined = {
        name
        for path in Path("tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text(), re.M)
    }
    assert len(rows) > 10
    for row in rows:
        names = re.findall(r"`(test_\w+)`", row.rsplit(" | ", 1)[1])
        assert names, row
        assert set(names) <= defined, row


def test_every_link_into_the_repository_leads_somewhere() -> None:
    links = re.findall(r"\]\((?!http|#)([^)#]+)", README.read_text(encoding="utf-8"))
    assert len(links) > 10
    for link in links:
        assert Path(link).exists(), link
