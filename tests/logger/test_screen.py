"""Records of a run, a failing one and an interrupted one, as Snakemake writes them: what a person sees of each."""

import logging
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_nano3.screen import NOISE, Screen
from tests.logger.events import ENDED, SOME_FAILED, Shown, error, finished, job_error, job_info, record, run_info

GOOD = "row 20: not a JSON object: fix or replace the file, then pin its dataset again"
TERMINATING = "Terminating processes on user request, this might take some time."


class Watched(Screen):
    """A screen whose display keeps what is shown. settings: Snakemake's, where they are not the usual ones."""

    def __init__(self, **settings: Any) -> None:
        self.shown, self.own = Shown(), list[str]()
        usual = {"quiet": None, "dryrun": False, "verbose": False, "debug_dag": False, "printshellcmds": False}
        super().__init__(
            SimpleNamespace(**(usual | settings)), self.shown, lambda taken: self.own.append(taken.getMessage())
        )

    def watch(self, *records: logging.LogRecord) -> list[str]:
        """Take records; returns what was said of them."""
        before = len(self.shown.said)
        for each in records:
            self.take(each)
        return [text for text, _ in self.shown.said[before:]]


@pytest.fixture
def screen() -> Iterator[Watched]:
    made = Watched()
    yield made
    made.close()


@pytest.fixture
def log(tmp_path: Path) -> str:
    path = tmp_path / "tokenize_shard.log"
    path.write_text(f"tokenize_shard: {GOOD}\n")
    return str(path)


def failing(log: str, number: int = 1, shard: str = "a") -> list[logging.LogRecord]:
    """A job starts and fails."""
    start = job_info(number, "tokenize_shard", [log], dataset="my-web", shard=shard)
    return [start, ENDED, job_error(number, "tokenize_shard", [log])]


def test_a_run_is_rows_and_nothing_of_its_jobs_is_said(screen: Watched) -> None:
    said = screen.watch(
        run_info(tokenize_shard=2, write_blend=1, all=1),
        record("Execute 2 jobs...", event=LogEvent.JOB_STARTED),
        job_info(1, "tokenize_shard", dataset="my-web", shard="a"),
        record("Shell command: python x", event=LogEvent.SHELLCMD, cmd="python x"),
        record(None, event=LogEvent.PROGRESS, done=1, total=4),
        record("Provided cores: 2", event=LogEvent.RESOURCES_INFO),
        finished(1),
    )
    assert said == []
    assert [(row.name, row.done, row.total) for row in screen.shown.rows] == [("tokenize", 1, 2), ("blend", 0, 1)]
    assert screen.shown.title.startswith("1 of 3 steps, ")


def test_a_checkpoint_that_takes_jobs_away_changes_the_rows(screen: Watched) -> None:
    screen.watch(
        run_info(write_blend=1, train_segment=6),
        job_info(1, "write_blend", phase="phase1"),
        finished(1),
        record("Execute 1 jobs...", event=LogEvent.JOB_STARTED, jobs_by_rule={"write_blend": 1, "train_segment": 2}),
        job_info(2, "train_segment", phase="phase2", segment="anneal"),
    )
    assert [(row.name, row.total) for row in screen.shown.rows] == [("blend", 1), ("train", 2)]


def test_a_record_of_a_kind_that_nobody_knows_is_passed_on_and_noise_is_not(screen: Watched) -> None:
    assert screen.watch(*(record(f"{begin} and more") for begin in NOISE)) == []
    assert screen.watch(record("Job 7 has been submitted with SLURM jobid 12 (log: x)."), record(None)) == []
    assert screen.watch(record("a thing", logging.WARNING), record("Unlocked.")) == ["a thing", "Unlocked."]
    assert screen.shown.said == [("a thing", "warning"), ("Unlocked.", "")]


def test_a_failed_job_is_told_once_with_cause_place_and_log(screen: Watched, log: str) -> None:
    said = screen.watch(run_info(tokenize_shard=2), *failing(log), record("Exiting because a job execution failed."))
    assert said == [f"{GOOD}\n  in tokenize_shard my-web/a\n  log: {log}"]
    assert screen.shown.said[-1][1] == "error"
    screen.watch(record(f"Complete log(s): {Path('.snakemake/log/x.log').resolve()}"))
    [last] = screen.watch(SOME_FAILED)
    assert last == (
        "1 job failed; 0 of 2 steps are done and stay; once it is put right, the same command resumes "
        "(Snakemake's log: .snakemake/log/x.log)"
    )


def test_several_failed_jobs_are_told_each_once_and_counted(screen: Watched, log: str) -> None:
    said = screen.watch(run_info(tokenize_shard=3), *failing(log), *failing(log, 2, "b"), SOME_FAILED)
    assert [text.splitlines()[1].strip() for text in said[:2]] == [
        "in tokenize_shard my-web/a",
        "in tokenize_shard my-web/b",
    ]
    assert said[2].startswith("2 jobs failed; 0 of 3 steps")


def test_a_job_that_is_tried_again_is_no_failure_and_says_the_same_only_once(screen: Watched, log: str) -> None:
    again = record("Trying to restart job 1.")
    said = screen.watch(run_info(tokenize_shard=1), *failing(log), again, *failing(log), again, *failing(log)[:1])
    assert [text.splitlines()[0] for text in said] == [
        GOOD,
        "  Snakemake tries it again",
        "tokenize_shard my-web/a: the same again",
        "  Snakemake tries it again",
    ]
    screen.watch(finished(1))
    [row] = screen.shown.rows
    assert (row.failed, row.done) == (0, 1)


def test_a_ctrl_c_is_told_with_what_stays(screen: Watched, tmp_path: Path) -> None:
    log = tmp_path / "train_segment.log"
    screen.watch(
        run_info(write_blend=1, train_segment=2),
        job_info(1, "write_blend", phase="phase1"),
        finished(1),
        job_info(2, "train_segment", [str(log)], phase="phase1", segment="stable"),
    )
    ends = [ENDED, job_error(2, "train_segment", [str(log)])]
    assert screen.watch(record(TERMINATING), *ends) == ["interrupted: running jobs end, and training saves first"]
    log.write_text("train_segment: it was interrupted (SIGINT); saved at step 2\n")
    assert screen.watch(SOME_FAILED) == [
        "1 of 3 steps are done and stay; phase1/stable: it was interrupted (SIGINT); saved at step 2; "
        "the same command resumes"
    ]


def test_told_to_end_is_said_once(screen: Watched) -> None:
    message = record("Will exit after finishing currently running jobs (scheduler).")
    assert len(screen.watch(message, message)) == 1


def test_an_error_of_the_snakefile_is_its_sentence_alone(screen: Watched) -> None:
    text = 'WorkflowError in file "/x.smk", line 53:\ntaem: no such recipe\n  File "/x", line 1, in <module>'
    assert screen.watch(error(text, "WorkflowError")) == ["taem: no such recipe"]
    assert screen.watch(error("Traceback\nKeyError: 'x'", "KeyError")) == ["Traceback\nKeyError: 'x'"]


def test_a_dry_run_looks_as_snakemake_makes_it_but_errors_are_ours() -> None:
    screen = Watched(dryrun=True)
    said = screen.watch(
        record("Building DAG of jobs..."),
        run_info(tokenize_shard=1),
        job_info(1, "tokenize_shard"),
        error("WorkflowError:\nno such recipe", "WorkflowError"),
    )
    assert said == ["no such recipe"]
    assert screen.own == ["Building DAG of jobs...", "Job stats:", " Rule: tokenize_shard, Jobid: 1"]
    assert screen.watch(error("KeyError: 'x'", "KeyError")) == []
    assert screen.own[-1] == "KeyError: 'x'"


def test_verbose_is_snakemakes_own_altogether() -> None:
    screen = Watched(verbose=True)
    assert screen.watch(run_info(tokenize_shard=1), error("WorkflowError:\nx", "WorkflowError"), record("y")) == []
    assert len(screen.own) == 3


@pytest.mark.parametrize(("quiet", "drawn"), [({"rules"}, True), ({"host"}, True), ({"progress", "rules"}, False)])
def test_quiet_may_leave_the_rows_out_but_never_a_cause(quiet: set[str], drawn: bool, log: str) -> None:
    screen = Watched(quiet=quiet)
    said = screen.watch(run_info(tokenize_shard=1), *failing(log), record("my-web: 1 row is in no pair"))
    assert [text.splitlines()[0] for text in said] == [GOOD, "my-web: 1 row is in no pair"]
    assert bool(screen.shown.drawn) == drawn
    screen.close()


def test_quiet_all_says_errors_alone(log: str) -> None:
    screen = Watched(quiet={"all"})
    said = screen.watch(run_info(tokenize_shard=1), *failing(log), record("my-web: 1 row is in no pair"))
    assert [text.splitlines()[0] for text in said] == [GOOD]
    assert not screen.shown.drawn


def test_shell_commands_are_shown_where_they_are_asked_for() -> None:
    screen = Watched(printshellcmds=True)
    assert screen.watch(record(None, event=LogEvent.SHELLCMD, cmd="python x")) == ["python x"]


def test_the_end_of_a_run_is_said_below_the_rows(screen: Watched) -> None:
    screen.watch(run_info(write_report=1), job_info(1, "write_report"), finished(1))
    assert screen.watch(record("Report: x", ends=True)) == ["Report: x"]
    drawn = screen.shown.drawn
    screen.watch(record("Complete log(s): x"), record("Elapsed time: 3"))
    assert screen.shown.drawn == drawn, "nothing is drawn below it"
    assert screen.shown.said[-1] == ("Report: x", "good")


def test_a_screen_that_is_closed_leaves_no_thread() -> None:
    screen, before = Watched(), set(threading.enumerate())
    screen.watch(run_info(tokenize_shard=1))
    [ticks] = set(threading.enumerate()) - before
    screen.close()
    screen.close()
    ticks.join(timeout=5)
    assert not ticks.is_alive()
