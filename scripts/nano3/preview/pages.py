"""Pages that show what commands print: made by running them, so they can't say anything else."""

import re
import shlex
import subprocess
import sys
from pathlib import Path

from nano3 import Nano3Error

SHOWN = re.compile(r"(<!-- (python scripts/[^\n]+) -->\n)(.*?)(<!-- up to here -->)", re.DOTALL)


class PageError(Nano3Error):
    """A command of a page fails."""


def refresh_page(page: Path) -> None:
    """Run the commands that a page names, and put what they print after them. page: Markdown, written anew."""
    page.write_text(refreshed(page.read_text(encoding="utf-8")), encoding="utf-8")


def refreshed(text: str, draw: bool = True) -> str:
    """
    The page with what its commands print today: Markdown where they print tables of it, else a block of text.

    draw: also make the pictures that they name. Raises PageError for a command that fails.
    """

    def shown(found: re.Match[str]) -> str:
        command = found[2] if draw else re.sub(r" --(png|svg) \S+", "", found[2])
        arguments = shlex.split(command)[1:]
        done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
        if done.returncode:
            raise PageError(f"{command}: {done.stderr.strip()}")
        printed = done.stdout if done.stdout.startswith("|") else f"```\n{done.stdout}```\n"
        return f"{found[1]}{printed}{found[4]}"

    return SHOWN.sub(shown, text)
