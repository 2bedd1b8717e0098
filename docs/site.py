"""
What do the pages of docs/ become on a site that has no other file of the repository?

`make docs` runs this, then zensical, which turns build/pages into build/site and refuses a link to a page or a heading
that does not exist. A page links to files of the repository, which a reader of the repository can open; on the site
such a link is replaced by the file's path.
"""

import os
import re
import shutil
from pathlib import Path

DOCS, PAGES = Path("docs"), Path("build/pages")
# Text and target of a link or a picture; code, which may look like one, is matched first and left as it is.
LINK = re.compile(r"```.*?```|`[^`\n]*`|(!?)\[((?:`[^`\n]*`|[^\]`])+)\]\(([^)\s]+)\)", re.DOTALL)
AWAY = re.compile(r"[a-z]+:|#")  # another site, or this page


class DeadLinkError(Exception):
    """A page links to a file that does not exist."""


def write_pages(docs: Path = DOCS, pages: Path = PAGES) -> None:
    """
    Copy docs to pages, each Markdown page as the site shows it.

    Raises DeadLinkError for the first link or picture that leads to no file.
    """
    shutil.rmtree(pages, ignore_errors=True)
    shutil.copytree(docs, pages, ignore=shutil.ignore_patterns("*.py", "__pycache__"))
    for page in sorted(docs.rglob("*.md")):
        (pages / page.relative_to(docs)).write_text(for_site(page, docs), encoding="utf-8")


def for_site(page: Path, docs: Path = DOCS) -> str:
    """A page whose links to files outside docs are these files' paths, in code. Raises DeadLinkError."""

    def replaced(match: re.Match[str]) -> str:
        _, text, target = match.groups()
        if target is None or AWAY.match(target):
            return match[0]
        path = os.path.normpath(page.parent / target.partition("#")[0])
        if not Path(path).exists():
            raise DeadLinkError(f"{page}: {target} does not exist")
        if Path(path).is_relative_to(docs):
            return match[0]
        inside = os.path.relpath(path, docs.parent)
        return f"`{inside}`" if text.strip("`") in inside else f"{text} (`{inside}`)"

    return LINK.sub(replaced, page.read_text(encoding="utf-8"))


if __name__ == "__main__":
    write_pages()
