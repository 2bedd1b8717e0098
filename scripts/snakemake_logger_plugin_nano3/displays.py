"""Where are the rows shown? On a terminal they stay in place; in a file or a pipe they are lines, one now and then."""

import sys
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TextIO

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

    from snakemake_logger_plugin_nano3.view import Row, TrainingRow

SETTLED = 2.0  # seconds until a kind that has begun is worth a line
SPACING = 5.0  # seconds between lines, while nothing changes, at least …
SHARE = 0.02  # … and this share of the time that the run has taken: a week is no 120,000 lines
UNCHANGED = 60.0  # seconds until a line is written again that says the same
REFRESH = 0.5  # seconds between looks at what has changed
BAR, NARROW_BAR = 24, 10  # on a terminal that is less than WIDE
WIDE = 105
STYLES = {"error": "red", "warning": "yellow", "good": "green"}


class Display(Protocol):
    """What a Screen writes on."""

    def say(self, text: str, kind: str = "") -> None:
        """Write lines that stay. kind: error, warning, good or nothing."""

    def draw(self, title: str, rows: "Sequence[Row]", training: "Sequence[TrainingRow]", now: float) -> None:
        """Show how far the run is. now: in seconds of a clock."""

    def stop(self) -> None:
        """Draw no more, and leave what was drawn last."""


class Lines:
    """For a file: no colour, no line is ever written over."""

    def __init__(self, stream: TextIO, stamp: Callable[[], str] = lambda: time.strftime("%H:%M:%S")) -> None:
        self._stream, self._stamp = stream, stamp
        self._first: float | None = None
        self._last = -SPACING
        self._begun: dict[str, float] = {}
        self._over: set[str] = set()
        self._written: dict[str, tuple[str, float]] = {}

    def say(self, text: str, kind: str = "") -> None:
        """See Display."""
        print(text, file=self._stream, flush=True)

    def draw(self, title: str, rows: "Sequence[Row]", training: "Sequence[TrainingRow]", now: float) -> None:
        """A line for each kind that is made since the last look, and now and then one for each that is being made."""
        if self._first is None:
            self._first = now
            self.say(f"{self._stamp()} {title}")
        for row in rows:
            if row.running or row.done:
                self._begun.setdefault(row.name, now)
            if row.over and row.done and row.name not in self._over:
                self._over.add(row.name)
                self._line(row.name, row.text)
            elif not row.over:
                self._over.discard(row.name)  # more of it is made, after a checkpoint
        if now - self._last >= max(SPACING, SHARE * (now - self._first)):
            self._running(rows, training, now)

    def stop(self) -> None:
        """See Display."""

    def _running(self, rows: "Sequence[Row]", training: "Sequence[TrainingRow]", now: float) -> None:
        for row in rows:
            if not row.running or now - self._begun[row.name] < SETTLED:
                continue
            lines = {row.name: row.text}
            if row.name == "train" and training:
                lines = {f"train {row.done} of {row.total}, {each.name}": each.text for each in training}
            for name, text in lines.items():
                before, when = self._written.get(name, ("", now))
                if text != before or now - when >= UNCHANGED:
                    self._written[name], self._last = (text, now), now
                    self._line(name, text)

    def _line(self, name: str, text: str) -> None:
        self.say(f"{self._stamp()} {name}: {text}")


class Terminal:
    """For a person: rows that stay in place, below what is said."""

    def __init__(self, console: "Console") -> None:
        self._console = console
        self._live: Any = None

    def say(self, text: str, kind: str = "") -> None:
        """See Display."""
        from rich.text import Text

        self._console.print(Text(text, style=STYLES.get(kind, "")), soft_wrap=True)

    def draw(self, title: str, rows: "Sequence[Row]", training: "Sequence[TrainingRow]", now: float) -> None:
        """Draw all rows again."""
        from rich.live import Live

        if self._live is None:
            self._live = Live(console=self._console, auto_refresh=False)
            self._live.start()
        bar = BAR if self._console.width >= WIDE else NARROW_BAR
        self._live.update(picture(title, rows, training, bar), refresh=True)

    def stop(self) -> None:
        """See Display."""
        if self._live is not None:
            self._live.stop()
            self._live = None


def picture(title: str, rows: "Sequence[Row]", training: "Sequence[TrainingRow]", bar: int = BAR) -> "RenderableType":
    """All rows, for rich. bar: characters of one."""
    from rich.progress_bar import ProgressBar
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2))
    table.title, table.title_justify, table.title_style = title, "left", "bold"
    for column in ({"min_width": 11}, {}, {"justify": "right", "no_wrap": True}, {}):
        table.add_column(**column)
    for row in rows:
        colour = "red" if row.failed else "green" if row.over else "cyan" if row.running else "bright_black"
        progress = ProgressBar(1.0, row.share, width=bar, complete_style=colour, finished_style=colour)
        failed = f"{row.failed} failed" if row.failed else ""
        words = [failed, row.rate, "" if row.over else row.left]
        name = Text(row.name, style="" if row.running or row.over else "bright_black")
        table.add_row(name, progress, f"{row.done} of {row.total}", ", ".join(filter(None, words)))
        for segment in training if row.name == "train" else ():
            share = segment.standing.step / segment.standing.steps if segment.standing else 0.0
            small = ProgressBar(1.0, share, width=bar, complete_style="blue", finished_style="blue")
            table.add_row(Text(f"  {segment.name}", style="blue"), small, "", segment.text)
    return table


def display_for(settings: Any, stream: TextIO | None = None) -> Display:
    """The display for where Snakemake writes. settings: Snakemake's own for its output."""
    stream = stream or (sys.stdout if settings.stdout else sys.stderr)
    if not stream.isatty():
        return Lines(stream)
    from rich.console import Console

    console = Console(file=stream, no_color=settings.nocolor or None, highlight=False, emoji=False, markup=False)
    return Lines(stream) if console.is_dumb_terminal else Terminal(console)
