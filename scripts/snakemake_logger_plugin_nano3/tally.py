"""How far is a run? Counted from Snakemake's events, by kind of artifact."""

import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

# The rules that make each kind, in the order in which kinds are shown.
KINDS = {
    "download": ("download_shard", "download_tokenizer"),
    "tokenize": ("tokenize_shard", "tokenize_bundle"),
    "index": ("index_dataset",),
    "blend": ("write_blend",),
    "index cache": ("build_index_cache",),
    "train": ("train_segment",),
    "export": ("export_hf",),
    "lineage": ("write_lineage",),
    "report": ("write_report",),
}
KIND_OF = {rule: kind for kind, rules in KINDS.items() for rule in rules}
COLLECTS = ("all",)  # rules that make nothing


@dataclass(frozen=True)
class Job:
    """A job that Snakemake started. name: of what it makes. bytes: of the raw file that it reads, where it has one."""

    number: int
    rule: str
    name: str
    logs: tuple[str, ...] = ()
    command: str = ""
    bytes: int = 0
    output: tuple[str, ...] = ()

    @classmethod
    def of(cls, info: Mapping[str, object]) -> "Job":
        """The job of a JOB_INFO event, whose fields are given by name."""
        rule, inputs = str(info["rule_name"]), _texts(info.get("input"))
        raw = _size(inputs[0]) if inputs and rule == "tokenize_shard" else 0
        return cls(
            int(str(info["jobid"])),
            rule,
            job_name(rule, info.get("wildcards")),
            _texts(info.get("log")),
            str(info.get("shellcmd") or ""),
            raw,
            _texts(info.get("output")),
        )

    @property
    def kind(self) -> str:
        """Of what it makes; a rule that nobody has told us of is a kind of its own."""
        return KIND_OF.get(self.rule, self.rule)


@dataclass
class Kind:
    """
    One kind of artifact in this run. total: jobs, done ones included. bytes: raw bytes of done jobs. began, ended: when
    the first job started and the last one ended, in seconds of the caller's clock. most: jobs at a time so far.
    """

    name: str
    total: int = 0
    done: int = 0
    failed: int = 0
    bytes: int = 0
    began: float | None = None
    ended: float | None = None
    most: int = 0
    running: dict[int, Job] = field(default_factory=dict)

    @property
    def over(self) -> bool:
        """Whether all its jobs are done."""
        return self.done >= self.total

    def seconds(self, now: float) -> float:
        """How long it has run."""
        return 0.0 if self.began is None else (now if self.running or self.ended is None else self.ended) - self.began


class Tally:
    """All kinds of a run."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind] = {}
        self.failed: list[Job] = []
        self._jobs: dict[int, Job] = {}

    def expect(self, counts: Mapping[str, int]) -> None:
        """Take how many jobs of each rule the run has, done ones included; a later count replaces an earlier one."""
        totals: dict[str, int] = {}
        for rule, count in counts.items():
            if rule not in COLLECTS:
                name = KIND_OF.get(rule, rule)
                totals[name] = totals.get(name, 0) + count
        for name in {*self.kinds, *totals}:
            kind = self._kind(name)
            kind.total = max(totals.get(name, 0), kind.done + len(kind.running))
        self._sort()

    def start(self, job: Job, now: float) -> None:
        """A job starts, perhaps again."""
        self._jobs[job.number] = job
        if job.rule in COLLECTS:
            return
        kind = self._kind(job.kind)
        kind.running[job.number] = job
        kind.most = max(kind.most, len(kind.running))
        kind.total = max(kind.total, kind.done + len(kind.running))
        kind.began = now if kind.began is None else kind.began
        self._sort()

    def finish(self, number: int, now: float) -> Job | None:
        """A job is done. Returns it, if it makes something."""
        job = self._stop(number, now)
        if job is not None:
            kind = self.kinds[job.kind]
            kind.done += 1
            kind.bytes += job.bytes or (_size(job.output[0]) if job.kind == "download" and job.output else 0)
        return job

    def fail(self, number: int, now: float) -> Job | None:
        """A job failed. Returns it, if it is known."""
        job = self._stop(number, now)
        if job is not None:
            self.kinds[job.kind].failed += 1
            self.failed.append(job)
        return job

    def retry(self, number: int) -> None:
        """A job that failed is tried again, so it has not failed for good."""
        job = self._jobs.get(number)
        if job in self.failed:
            self.failed.remove(job)
            self.kinds[job.kind].failed -= 1

    @property
    def done(self) -> int:
        """Jobs that are done, of all kinds."""
        return sum(kind.done for kind in self.kinds.values())

    @property
    def total(self) -> int:
        """Jobs of all kinds."""
        return sum(kind.total for kind in self.kinds.values())

    @property
    def running(self) -> Iterable[Job]:
        """All jobs that run."""
        return [job for kind in self.kinds.values() for job in kind.running.values()]

    def _kind(self, name: str) -> Kind:
        return self.kinds.setdefault(name, Kind(name))

    def _stop(self, number: int, now: float) -> Job | None:
        job = self._jobs.get(number)
        if job is None or job.rule in COLLECTS:
            return None
        kind = self.kinds[job.kind]
        kind.running.pop(number, None)
        kind.ended = now
        return job

    def _sort(self) -> None:
        order = [*KINDS]
        place = {name: order.index(name) if name in order else len(order) for name in self.kinds}
        self.kinds = {name: self.kinds[name] for name in sorted(self.kinds, key=place.__getitem__)}


def job_name(rule: str, wildcards: object) -> str:
    """What a job makes, as people call it: my-web/part-003, phase1/stable; nothing for what a run has one of."""
    values = dict(wildcards) if isinstance(wildcards, Mapping) else {}
    values.pop("ending", None)
    return "/".join(map(str, values.values()))


def _texts(values: object) -> tuple[str, ...]:
    return tuple(map(str, values)) if isinstance(values, list | tuple) else ()


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return 0
