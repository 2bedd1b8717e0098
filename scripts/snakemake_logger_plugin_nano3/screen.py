"""
What does each of Snakemake's records mean for a person who waits?

Most of them nothing: they are in Snakemake's own log. Jobs are counted, an error is said once and in its own sentence,
what the workflow says itself is passed on. Dry runs and --verbose look as Snakemake makes them, because there the list
of jobs with its reasons is what is asked for.

Until the Snakefile is read nothing here imports nano3: which one that is, the Snakefile says.
"""

import logging
import os
import re
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_nano3 import mistakes, targets
from snakemake_logger_plugin_nano3.displays import REFRESH, Display, display_for
from snakemake_logger_plugin_nano3.failures import exit_status, failure, last_word
from snakemake_logger_plugin_nano3.tally import Job, Tally
from snakemake_logger_plugin_nano3.time_left import ESTIMATED, Expectations

if TYPE_CHECKING:
    from snakemake_logger_plugin_nano3.segment import Segment

# Records without an event that say nothing to a person, by how they begin; all of them are in Snakemake's log.
NOISE = (
    "Assuming unrestricted",
    "Building DAG",
    "Config file ",
    "Conda environments: ignored",
    "DAG of jobs will be updated",
    "Elapsed time",
    "Exiting because a job execution failed",
    "Failed to set marker file for job",
    "Group jobs: inactive",
    "Job rate limit reached",
    "Processed ",
    "Removing output files of failed job",
    "Removing temporary output",
    "SLURM run ID",
    "Select jobs to execute",
    "Shutting down",
    "Singularity containers: ignored",
    "Storing output in storage",
    "Touching output file",
    "Updating checkpoint dependencies",
    "Using shell",
    "host:",
)
SUBMITTED = re.compile(r"Job \d+ has been submitted")
RESTART = re.compile(r"Trying to restart job (\d+)")
LOGS = "Complete log(s): "
INTERRUPTED = "Terminating processes on user request"
TOLD_TO_END = "Will exit after finishing"
NOTHING = "Nothing to be done"
SOME_FAILED = "At least one job did not complete successfully"


class Screen:
    """
    What a run shows. words: of the command line. own: Snakemake's handler, for runs that look as it makes them. clock:
    in seconds.
    """

    def __init__(
        self,
        settings: Any,
        display: Display,
        own: Callable[[logging.LogRecord], Any],
        words: Sequence[str] = (),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._display, self._own, self._words, self._clock = settings, display, own, words, clock
        self._quiet = {getattr(each, "name", str(each)).lower() for each in settings.quiet or ()}
        self._as_snakemake = settings.dryrun or settings.verbose or settings.debug_dag
        self._tally, self._expectations = Tally(), Expectations()
        self._segments: dict[int, Segment] = {}  # that train or have trained, by the number of their job
        self._workflow: Any = None
        self._known: Callable[[], targets.Known | None] = lambda: None
        self._ended_commands: list[str] = []  # what Snakemake says of commands that failed
        self._said: set[tuple[int, str]] = set()
        self._interrupted: list[Job] | None = None  # what ran then
        self._told_to_end = False
        self._log = ""
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._began: float | None = None

    @classmethod
    def of(cls, settings: Any) -> "Screen":
        """The screen of this process. settings: Snakemake's own for its output."""
        from snakemake.logging import ColorizingTextHandler, DefaultFilter, DefaultFormatter

        own = ColorizingTextHandler(settings.nocolor, sys.stdout if settings.stdout else sys.stderr)
        own.addFilter(
            DefaultFilter(
                settings.quiet, settings.debug_dag, settings.verbose, settings.dryrun, settings.printshellcmds
            )
        )
        own.setFormatter(DefaultFormatter(settings.quiet, settings.show_failed_logs))
        return cls(settings, display_for(settings), own.handle, sys.argv[1:])

    def follow(self, workflow: Any) -> None:
        """Know the recipe. workflow: a nano3.graph.workflow.Workflow."""
        self._workflow = workflow
        self._known = lambda: targets.Known.of(workflow)

    def take(self, record: logging.LogRecord) -> None:
        """Show what a record says, or note it."""
        event = getattr(record, "event", None)
        with self._lock:
            if event == LogEvent.ERROR and not self._settings.verbose:
                self._error(record)
            elif self._as_snakemake:
                self._own(record)
            elif event is None:
                self._message(record)
            elif event in self._takers:
                self._takers[event](self, record)
                self._draw()

    def close(self) -> None:
        """Draw no more."""
        self._over.set()
        with self._lock:
            self._display.stop()

    # ---- events -----------------------------------------------------------------------------------------------------

    def _run(self, record: logging.LogRecord) -> None:
        """What there is to do is known."""
        counts = {rule: count for rule, count in vars(record)["stats"].items() if rule != "total"}
        self._tally.expect(counts)
        if self._began is None:
            self._began = self._clock()
            if self._workflow is not None and self._draws and {*ESTIMATED} & self._tally.kinds.keys():
                self._expectations.ask(self._workflow)
            if self._draws:
                threading.Thread(target=self._tick, daemon=True).start()

    def _selected(self, record: logging.LogRecord) -> None:
        """Jobs are about to start; where a checkpoint changed the graph, the record has its jobs by rule."""
        if jobs := getattr(record, "jobs_by_rule", None):
            self._tally.expect(jobs)

    def _start(self, record: logging.LogRecord) -> None:
        job = Job.of(vars(record))
        self._tally.start(job, self._clock())
        if job.kind == "train":
            from snakemake_logger_plugin_nano3.segment import Segment

            if segment := Segment.of(job.command):
                self._segments[job.number] = segment

    def _finish(self, record: logging.LogRecord) -> None:
        self._tally.finish(vars(record)["job_id"], self._clock())

    def _command(self, record: logging.LogRecord) -> None:
        if self._settings.printshellcmds and (command := getattr(record, "cmd", None)):
            self._say(command)

    def _fail(self, record: logging.LogRecord) -> None:
        if self._interrupted is not None:
            return  # it was told to end
        fields = vars(record)
        job = self._tally.fail(fields["jobid"], self._clock()) or Job.of(fields)
        self._segments.pop(job.number, None)
        command = fields.get("shellcmd") or job.command
        ended = next((text for text in self._ended_commands if command and command in text), "")
        logs = tuple(fields.get("log") or job.logs)
        job = Job(job.number, job.rule, job.name, logs, command, job.bytes, job.output)
        why = failure(job, str(fields.get("rule_msg") or ""), exit_status(ended))
        if (job.number, why.cause) in self._said:
            self._say(f"{job.rule} {job.name}: the same again".strip(), "error")
        else:
            self._said.add((job.number, why.cause))
            self._say("\n".join(why.lines()), "error")

    def _error(self, record: logging.LogRecord) -> None:
        """An error that Snakemake caught."""
        text, exception = record.getMessage(), str(getattr(record, "exception", ""))
        if exit_status(text) is not None:
            self._ended_commands.append(text)  # its job's own event follows, and the cause is in its log
        elif SOME_FAILED in text:
            self._end()
        else:
            said = mistakes.sentence(
                text, exception, self._words, lambda target: targets.no_rule(target, self._known())
            )
            if said is None and self._as_snakemake:
                self._own(record)
            else:
                self._say(said or text, "error")

    def _message(self, record: logging.LogRecord) -> None:
        """What Snakemake, or the workflow, says."""
        text = record.getMessage()
        if match := RESTART.match(text):
            self._tally.retry(int(match[1]))
            return self._say("  Snakemake tries it again", "warning")
        if text.startswith(INTERRUPTED):
            return self._interrupt()
        if text.startswith(TOLD_TO_END):
            said, self._told_to_end = self._told_to_end, True
            return None if said else self._say("told to end: no more jobs start, and those that run may end", "warning")
        if text.startswith(LOGS):
            self._log = os.path.relpath(text.removeprefix(LOGS).split(", ")[0])
            return None
        if text.startswith(NOISE) or SUBMITTED.match(text) or text in ("", "None"):
            return None
        if text.startswith(NOTHING):
            report = self._workflow.paths.report_files[1] if self._workflow is not None else ""
            text = "Nothing to be done: all of it is there, and fresh"
            text += f"\nReport: {report}" if os.path.exists(report) else ""
        if getattr(record, "ends", False):
            self._stop_drawing()
        kinds = {logging.WARNING: "warning", logging.ERROR: "error", logging.CRITICAL: "error"}
        return self._say(text, kinds.get(record.levelno, "good" if getattr(record, "ends", False) else ""))

    _takers = {  # noqa: RUF012
        LogEvent.RUN_INFO: _run,
        LogEvent.JOB_STARTED: _selected,
        LogEvent.JOB_INFO: _start,
        LogEvent.JOB_FINISHED: _finish,
        LogEvent.JOB_ERROR: _fail,
        LogEvent.SHELLCMD: _command,
    }

    # ---- the end ----------------------------------------------------------------------------------------------------

    def _interrupt(self) -> None:
        self._interrupted = [*self._tally.running]
        self._stop_drawing()
        trains = any(job.kind == "train" for job in self._interrupted)
        self._say(f"interrupted: running jobs end{', and training saves first' if trains else ''}", "warning")

    def _end(self) -> None:
        """Not all is done. What went wrong is said already; this says what stays."""
        self._stop_drawing()
        done = f"{self._tally.done} of {self._tally.total} steps are done and stay"
        if self._interrupted is not None:
            saved = [
                f"{job.name}: {word}" for job in self._interrupted if job.kind == "train" and (word := last_word(job))
            ]
            return self._say("; ".join([done, *saved, "the same command resumes"]), "warning")
        failed = len(self._tally.failed)
        count = f"{failed} {'job' if failed == 1 else 'jobs'} failed; " if failed else ""
        log = f" (Snakemake's log: {self._log})" if self._log else ""
        return self._say(f"{count}{done}; once it is put right, the same command resumes{log}", "error")

    # ---- drawing ----------------------------------------------------------------------------------------------------

    @property
    def _draws(self) -> bool:
        return not ({"progress", "all"} & self._quiet)

    def _say(self, text: str, kind: str = "") -> None:
        if kind == "error" or "all" not in self._quiet:
            self._display.say(text, kind)

    def _tick(self) -> None:
        while not self._over.wait(REFRESH):
            with self._lock:
                self._draw()

    def _draw(self) -> None:
        if self._began is None or not self._draws or self._over.is_set():
            return
        from nano3.core.formatting import SPACE, duration
        from snakemake_logger_plugin_nano3.view import about, rows, seconds_of_run, training_rows

        now = self._clock()
        name = f"{self._workflow.request.name}: " if self._workflow is not None else ""
        took = duration(max(1.0, round(now - self._began))).replace(SPACE, " ")
        shown = rows(self._tally, self._expectations, self._segments, now)
        left = about(seconds_of_run(self._tally, self._expectations, shown))
        title = f"{name}{self._tally.done} of {self._tally.total} steps, {took}{left and f', {left}'}"
        self._display.draw(title, shown, training_rows(self._tally, self._segments), now)

    def _stop_drawing(self) -> None:
        if not self._over.is_set():
            self._draw()
            self._over.set()
            self._display.stop()
