"""
What does a person see while `snakemake` runs? A line for each kind of artifact, and one sentence for what goes wrong.

Snakemake finds this package by its name and uses it where a profile or --logger says `nano3`. It is imported at every
start of Snakemake, in the processes of jobs, too: what it needs it imports when it is used.
"""

import sys
from logging import LogRecord
from types import TracebackType
from typing import Any

from snakemake_interface_logger_plugins.base import LogHandlerBase

writes = property(lambda _: True)
does_not = property(lambda _: False)


class LogHandler(LogHandlerBase):
    """Snakemake's way to a Screen. Records arrive one by one, in a thread of their own."""

    writes_to_stream = writes
    writes_to_file = does_not
    has_filter = writes
    has_formatter = writes
    needs_rulegraph = does_not

    def __post_init__(self) -> None:
        from snakemake_logger_plugin_nano3.screen import Screen

        self._screen = Screen.of(self.common_settings)
        self._hook = sys.excepthook
        sys.excepthook = self._end

    def follow(self, workflow: Any) -> None:
        """Know the recipe of this run, once it is read. workflow: a nano3.graph.workflow.Workflow."""
        self._screen.follow(workflow)

    def emit(self, record: LogRecord) -> None:
        """Show what a record says, or note it."""
        try:
            self._screen.take(record)
        except Exception:  # what is shown must not end a run
            self.handleError(record)

    def close(self) -> None:
        """Leave the terminal as it was. Snakemake calls it more than once."""
        self._screen.close()
        super().close()

    def _end(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        """A Ctrl-C while Snakemake reads and plans, which it does not catch itself."""
        if issubclass(kind, KeyboardInterrupt):
            print("snakemake: interrupted before any job ran; nothing has changed", file=sys.stderr)
        else:
            self._hook(kind, error, trace)
