"""
docs/progress.svg: what a terminal shows in the middle of a run. Drawn by a real run of recipe tiny, in a copy of the
repository, which ends as soon as a segment is half trained.

    PYTHONPATH=scripts python docs/progress_picture.py
"""

import io
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from unittest.mock import patch

from rich.console import Console
from snakemake.cli import main

from snakemake_logger_plugin_nano3.displays import Lines, picture
from snakemake_logger_plugin_nano3.view import Row, TrainingRow

REPOSITORY = Path(__file__).resolve().parent.parent
PICTURE = REPOSITORY / "docs/progress.svg"
PARTS = ("config", "envs", "profiles", "resources/tiny", "rules", "scripts", "Snakefile")
WIDTH = 110
FONTS = re.compile(r"@font-face \{.*?\}\s*", re.S)  # rich takes its font from the network


class Painter(Lines):
    """Lines, until there is something to paint."""

    painted = False

    def draw(self, title: str, rows: Sequence[Row], training: Sequence[TrainingRow], now: float) -> None:
        """See Display."""
        super().draw(title, rows, training, now)
        half = any(row.standing and row.standing.step * 2 >= row.standing.steps for row in training)
        if half and not self.painted:
            self.painted = True
            console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
            console.print("$ snakemake\n", highlight=False)
            console.print(picture(title, rows, training))
            svg = FONTS.sub("", console.export_svg(title="recipe tiny on two cores"))
            PICTURE.write_text("\n".join(line.rstrip() for line in svg.splitlines()) + "\n", encoding="utf-8")
            os.kill(os.getpid(), signal.SIGINT)


def copy_repository(target: Path) -> None:
    """The repository without what was built, as a folder to run in."""
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, target / part)


def painter(_settings: Any) -> Painter:
    """In the place of display_for."""
    return Painter(sys.stderr)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        copy_repository(Path(folder))
        os.chdir(folder)
        with patch("snakemake_logger_plugin_nano3.screen.display_for", painter):
            main([])
