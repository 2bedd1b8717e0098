"""The pages that people read, and what tests take from them: links, headings and blocks."""

import re
from pathlib import Path

README = Path("README.md")
PAGES = [README, Path("CONTRIBUTING.md"), Path("CHANGELOG.md"), *sorted(Path("docs").rglob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.M | re.S)
LINK = re.compile(r"\]\(([^)\s]+)\)")


def text_of(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    """A page without its blocks of code."""
    return BLOCK.sub("", text_of(page))


def links(page: Path) -> list[str]:
    """Targets of links and pictures that are not on another site."""
    without_code = re.sub(r"`[^`\n]*`", "", prose(page))
    return [target for target in LINK.findall(without_code) if not re.match(r"[a-z]+:", target)]


def headings(page: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", prose(page), re.M)


def anchor(heading: str) -> str:
    """What a heading is called in a link, as GitHub has it."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
