"""
How do our verdicts reach Snakemake? The one module that touches its insides.

Snakemake has its own idea of what is stale: times, checksums and parameters that it noted in .snakemake. Here receipts
decide, so some things are asked of it that its documentation does not offer:

force       A file is made again because the judge says so. Snakemake's own way, --forcerun FILE, would also make the
            file a target: a run for one shard would build every stale one. So the file goes into the set that the graph
            asks when it decides which of its jobs run. Verdicts are given when Snakemake asks for a rule's inputs, not
            all at once before: a run for one dataset does not read the shards of the others (3 s for 100,000).
untracked   A param that a job is told and Snakemake does not compare. It compares no param that it takes to be derived
            from files, which is one whose function names `output`. With none to compare it need not import pandas to
            see whether one is a data frame: a quarter of a second of every start, and of that of every job.
Guarded     An error in an input function ends the run with one sentence. Snakemake itself takes the file for one that
            nobody makes, if it exists, and goes on.
main        Whether this process plans. The process of a job on a cluster reads the Snakefile again for its own job.
jobs        How many jobs of each rule the run has. A checkpoint may change that, and Snakemake tells only the sum: so
            the record on jobs that start is given the new numbers, where the graph has changed.
reaches     Whether a run gets as far as a rule. Snakemake asks for the inputs of all jobs that its targets need, and
            drops those beyond --until only then: an error about training would end a run that only tokenizes.

A version of Snakemake whose insides nobody has looked at is refused by name; tests/graph/test_inputs.py holds each use
against the real one.
"""

import logging
from collections import Counter
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any, NoReturn

import snakemake
from snakemake.exceptions import IncompleteCheckpointException, WorkflowError
from snakemake.io import ancient, checkpoint_target, temp
from snakemake.logging import logger

from nano3 import Nano3Error

__all__ = ["Engine", "EngineError", "Guarded", "WorkflowError", "ancient", "check_version", "temp", "untracked"]

KNOWN = ("9.27", "9.28")  # from the first on, below the second


class EngineError(Nano3Error):
    """Snakemake is not one that this repository knows from inside."""


def check_version(version: str = snakemake.__version__) -> None:
    """Raises EngineError for a Snakemake whose insides are not known. version: of Snakemake, e.g. 9.27.1."""
    lowest, above = (tuple(map(int, known.split("."))) for known in KNOWN)
    parts = tuple(int(part) for part in version.split(".")[:2] if part.isdecimal())
    if not lowest <= parts < above:
        raise EngineError(
            f"snakemake {version} is not one whose insides nano3.graph.inputs knows: "
            f"install another with `pip install 'snakemake>={KNOWN[0]},<{KNOWN[1]}'`"
        )


def untracked(value: Any) -> Callable[..., Any]:
    """
    A param that decides no byte, or whose decision the judge has made: a job is told it, Snakemake does not compare it.

    value: itself, or a function of the wildcards.
    """

    def derived(wildcards: Any, output: Any) -> Any:  # the name `output` is what counts
        return value(wildcards) if callable(value) else value

    return derived


class Engine:
    """
    Snakemake, as far as the workflow has to know it.

    workflow, checkpoints: the objects of these names that a Snakefile sees. Raises EngineError as check_version does.
    """

    def __init__(self, workflow: Any, checkpoints: Any) -> None:
        check_version()
        self._workflow = workflow
        self._checkpoints = checkpoints
        self.built = False  # whether there has been a whole graph, which is when Snakemake knows a checkpoint's output

    @property
    def main(self) -> bool:
        """Whether this process plans; the process of a job only does that one."""
        return bool(self._workflow.is_main_process)

    @property
    def rule_names(self) -> list[str]:
        """Names of all rules, in the order in which they run."""
        return [rule.name for rule in self._workflow.rules]

    @property
    def jobs(self) -> dict[str, int]:
        """How many jobs of each rule this run has, done ones included."""
        dag = self._workflow.dag
        return dict(Counter(job.rule.name for job in {*dag.needrun_jobs(), *dag.finished_jobs}))

    @property
    def size(self) -> int:
        """How many jobs this run has, at no cost."""
        return len(self._workflow.dag)

    def tell(self, sentence: str, **more: Any) -> None:
        """Say something on the console and in Snakemake's log. more: for a logger that knows it."""
        logger.info(sentence, extra=more)

    def show(self, answers: Any) -> None:
        """Let loggers that ask for it know the workflow, and what a checkpoint changed. answers: see Workflow."""
        followers = [
            handler for handler in self._workflow.logger_manager.get_log_handlers() if hasattr(handler, "follow")
        ]
        for handler in followers:
            handler.follow(answers)
        if followers:
            logger.addFilter(Recounted(self))

    def force(self, files: Iterable[str]) -> None:
        """Make these files again if the graph has jobs for them. To be called while inputs of rules are asked for."""
        self._workflow.dag.forcefiles.update(files)

    def forced(self, rule: str) -> bool:
        """Whether all jobs of a rule are made again because the command line says so."""
        settings = self._workflow.dag_settings
        return bool(settings.forceall or rule in settings.forcerun)

    def reaches(self, rule: str) -> bool:
        """Whether --until lets a run get as far as a rule; rules must be defined in the order in which they run."""
        until = self._workflow.dag_settings.until
        rules = list(self._workflow.rules)
        first = next(number for number, each in enumerate(rules) if each.name == rule)
        named = (each.name in until or any(map(each.is_producer, until)) for each in rules[first:])
        return not until or any(named)

    def output(self, checkpoint: str, **wildcards: str) -> Any:
        """
        The output of a checkpoint that will stay as it is, by name.

        While that is not known Snakemake's exception ends the question; it asks again once it is.
        """
        output = getattr(self._checkpoints, checkpoint).get(**wildcards).output
        self.built = True
        return output

    def wait(self, checkpoint: str, file: str) -> NoReturn:
        """
        End the question as if a checkpoint's output were not known yet, for it is judged stale only now.

        Snakemake has looked at it before, when the blend that it is made from was not known, and takes it for fresh.
        An ancient input would not do: Snakemake forgets what is forced of a job whose ancient input is made again.
        """
        raise IncompleteCheckpointException(getattr(self._checkpoints, checkpoint).rule, checkpoint_target(file))

    def known(self, checkpoint: str, **wildcards: str) -> bool:
        """Whether the output of a checkpoint will stay as it is."""
        try:
            self.output(checkpoint, **wildcards)
        except IncompleteCheckpointException:
            return False
        return True


class Recounted(logging.Filter):
    """
    Notes on the record of jobs that start how many each rule has, if the graph is not as large as at the last one.

    Snakemake writes that record in the thread that changes the graph, so the numbers hold; who reads it is in another
    thread and can't look.
    """

    def __init__(self, engine: Engine) -> None:
        super().__init__()
        self._engine, self._size = engine, 0

    def filter(self, record: logging.LogRecord) -> bool:
        """Takes every record."""
        if getattr(record, "event", None) == "job_started" and (size := self._engine.size) != self._size:
            self._size, record.jobs_by_rule = size, self._engine.jobs
        return True


class Guarded:
    """
    What a Snakefile may ask, so that an error of ours ends the run with its sentence.

    While Snakemake builds its first graph it swallows whatever derives from Exception, where the file exists. Later it
    does not, and an orderly end is better then: jobs may be running.
    """

    def __init__(self, engine: Engine, answers: Any) -> None:
        self._engine = engine
        self._answers = answers

    def __getattr__(self, name: str) -> Any:
        answer = self._asked(getattr, self._answers, name)
        return partial(self._asked, answer) if callable(answer) else answer

    def _asked(self, question: Callable[..., Any], *words: Any) -> Any:
        try:
            return question(*words)
        except Nano3Error as error:
            if self._engine.built:
                raise WorkflowError(str(error)) from None
            raise SystemExit(str(error)) from None
