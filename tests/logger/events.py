"""Snakemake's log records as its version 9.27 writes them, and a display that keeps what is shown."""

import logging
from collections.abc import Sequence
from typing import Any

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_nano3.view import Row, TrainingRow


def record(text: str | None = None, level: Any = logging.INFO, **fields: Any) -> logging.LogRecord:
    """A record as a handler gets it: of a queue, which has put text and arguments together."""
    made = logging.LogRecord("snakemake.logging", level, __file__, 1, text, None, None)
    made.__dict__ |= fields
    return made


def run_info(**counts: int) -> logging.LogRecord:
    return record("Job stats:", event=LogEvent.RUN_INFO, stats={**counts, "total": sum(counts.values())})


def job_info(number: int, rule: str, log: Sequence[str] = (), **fields: Any) -> logging.LogRecord:
    """A job starts. fields: its wildcards, and input, output and shellcmd."""
    known: dict[str, Any] = {"input": [], "output": [], "shellcmd": f"python scripts/{rule}.py"}
    known |= {name: fields.pop(name) for name in known if name in fields}
    return record(
        f" Rule: {rule}, Jobid: {number}",
        event=LogEvent.JOB_INFO,
        jobid=number,
        rule_name=rule,
        log=[*log],
        wildcards=fields,
        **known,
    )


def finished(number: int) -> logging.LogRecord:
    return record(f"Finished jobid: {number}", event=LogEvent.JOB_FINISHED, job_id=number)


def job_error(number: int, rule: str, log: Sequence[str] = (), said: str | None = None) -> logging.LogRecord:
    return record(
        f"Error in rule {rule}, jobid: {number}",
        logging.ERROR,
        event=LogEvent.JOB_ERROR,
        jobid=number,
        rule_name=rule,
        rule_msg=said,
        log=[*log],
        input=[],
        output=[],
        shellcmd=f"python scripts/{rule}.py",
        aux={},
    )


def error(text: str, exception: str) -> logging.LogRecord:
    return record(text, logging.ERROR, event=LogEvent.ERROR, exception=exception)


ENDED = error(
    'CalledProcessError in file "/house/rules/tokens.smk", line 35:\n'
    "Command 'set -euo pipefail;  python scripts/tokenize_shard.py' returned non-zero exit status 1.",
    "CalledProcessError",
)
SOME_FAILED = error("WorkflowError:\nAt least one job did not complete successfully.", "WorkflowError")


class Shown:
    """A display that keeps what it is given."""

    def __init__(self) -> None:
        self.said: list[tuple[str, str]] = []
        self.title = ""
        self.rows: Sequence[Row] = ()
        self.training: Sequence[TrainingRow] = ()
        self.drawn = 0

    def say(self, text: str, kind: str = "") -> None:
        self.said.append((text, kind))

    def draw(self, title: str, rows: Sequence[Row], training: Sequence[TrainingRow], now: float) -> None:
        self.title, self.rows, self.training = title, rows, training
        self.drawn += 1

    def stop(self) -> None:
        pass
