"""What do the pages show a person to type, and what do they say is printed?"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.docs.pages import PAGES, prose, text_of

GAP = "…"  # in what is shown: any text, or any lines where it is alone
CONSOLE = re.compile(r"(?:^<!-- ([^\n]*) -->\n)?^```console\n(.*?)^```$", re.M | re.S)
INLINE = re.compile(r"(?<!`)`((?:nano3|snakemake|make|pip|python|PYTHONPATH=\S+ python) [^`]+)`(?!`)")
PLACEHOLDER = re.compile(rf"{GAP}|[{{}}]|(?:^|[ =])[A-Z]+(?: |$)")
NUMBERS = re.compile(r"[±+−-]?\d[\d.,]*(?:\s*(?:ms|s|min|h|d|kB|MB)\b)?")


@dataclass(frozen=True)
class Session:
    """
    A block of commands with what they print, for a person to type one after the other.

    after: what has happened before. varies: whether its numbers are another machine's, and only the words are compared.
    """

    page: Path
    after: str
    varies: bool
    typed: tuple[tuple[str, str], ...]

    def __str__(self) -> str:
        return f"{self.page}: {self.typed[0][0]}"


def sessions() -> Iterator[Session]:
    """All of them, page by page."""
    for page in PAGES:
        for note, block in CONSOLE.findall(text_of(page)):
            parts = [part.strip() for part in note.split(";")]
            after = next((part.removeprefix("after: ") for part in parts if part.startswith("after: ")), "")
            typed = [part.partition("\n") for part in re.split(r"^\$ ", block, flags=re.M)[1:]]
            commands = tuple((command, printed) for command, _, printed in typed)
            yield Session(page, after, any(part.endswith("vary") for part in parts), commands)


def commands() -> list[str]:
    """Every command that a page names, once."""
    inline = {command.replace("\\|", "|") for page in PAGES for command in INLINE.findall(prose(page))}
    return sorted(inline | {command for session in sessions() for command, _ in session.typed})


def has_placeholder(command: str) -> bool:
    """Whether a person must put something of their own into it before it runs."""
    return PLACEHOLDER.search(command) is not None


def agrees(shown: str, printed: str, varies: bool) -> bool:
    """Whether a command printed what is shown, but for gaps and, if they vary, numbers."""
    lines = [f"{line.rstrip()}\n" for line in comparable(shown, varies).splitlines()]
    pattern = "".join(
        "(?:.*\n)*?" if line == f"{GAP}\n" else ".*".join(map(re.escape, line.split(GAP))) for line in lines
    )
    return (
        re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in comparable(printed, varies).splitlines()))
        is not None
    )


def comparable(text: str, varies: bool) -> str:
    """With plain spaces; if its numbers vary, without them and on one line, for they decide where lines break."""
    text = text.replace("\N{NARROW NO-BREAK SPACE}", " ").strip("\n")
    if not varies:
        return text
    return re.sub(r"#(?: #)+", "#", " ".join(NUMBERS.sub("# ", text).split()))
