"""Why did a job fail, in one sentence? The last word of its log, which is ours where the script saw what was wrong."""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from snakemake_logger_plugin_nano3.tally import Job

TAIL = 65536  # bytes of a log in which its last word stands
LISTED = 2  # lines of a list of faults
RANK = r"(?:\d+: )?"  # what srun puts before each line of several ranks
SCRIPTS = {"download_tokenizer": "download_shard"}  # where it has another name than its rule
EXCEPTION = re.compile(rf"{RANK}(?:[\w.]+\.)?[A-Z]\w*(?:Error|Exception|Interrupt|Exit|Warning)\b(?::|$)")
KILLED = (137, -9)
STATUS = re.compile(r"returned non-zero exit status (-?\d+)|died with <Signals\.\w+: (\d+)>")
SLURM_STATE = re.compile(r"status is: '?([A-Z_]+)")


@dataclass(frozen=True)
class Failure:
    """A job that failed. cause: a sentence. remedy: where the sentence has none."""

    job: Job
    cause: str
    remedy: str = ""

    def lines(self) -> list[str]:
        """The cause first, last the remedy and where the log is."""
        what = f"in {self.job.rule}" + (f" {self.job.name}" if self.job.name else "")
        log = next((log for log in self.job.logs if Path(log).exists()), "")
        more = [what, self.remedy, f"log: {log}" if log else ""]
        return [*self.cause.splitlines(), *(f"  {line}" for line in more if line)]


def failure(job: Job, message: str = "", status: int | None = None) -> Failure:
    """
    Why a job failed.

    message: what Snakemake's executor says of it. status: of its command, where it is known.
    """
    cause = _own_sentence(job)
    if cause:
        return Failure(job, cause)
    state = match[1] if (match := SLURM_STATE.search(message)) else ""
    if state == "TIMEOUT":
        return Failure(job, "it ran into its time limit", "raise runtime of its rule in the profile")
    if state == "OUT_OF_MEMORY" or status in KILLED:
        return Failure(job, "it was killed, most often for memory", "use fewer cores, or give its rule more memory")
    last = _last_line(job)
    if last:
        return Failure(job, last, "this is not a mistake that the workflow knows: its log has the traceback")
    ending = f"with status {status}" if status is not None else f"as {state}" if state else ""
    return Failure(job, f"it ended {ending} and left no message".replace("  ", " "))


def exit_status(text: str) -> int | None:
    """The status in Snakemake's words on a command that failed; a signal's number is negative."""
    match = STATUS.search(text)
    if match is None:
        return None
    return int(match[1]) if match[1] else -int(match[2])


def last_word(job: Job) -> str:
    """What a job's script said last, in its own sentence; nothing if it said nothing."""
    return _own_sentence(job)


def _own_sentence(job: Job) -> str:
    """
    The last line of its logs that begins with the name of the script: that is how they tell what is wrong.

    Where that line introduces others, as for the shards of a bundle, the first of those come with it.
    """
    scripts = {job.rule, SCRIPTS.get(job.rule, job.rule), "launch"}
    own = re.compile(rf"{RANK}(?:{'|'.join(map(re.escape, scripts))}): (?P<sentence>.+)")
    after: list[str] = []
    for line in reversed([*_lines(job.logs)]):
        if match := own.fullmatch(line):
            sentence = match["sentence"].strip()
            if not sentence.endswith(":"):
                return sentence
            more = [f"and {len(after) - LISTED} more, in its log"] if len(after) > LISTED else []
            return "\n  ".join([sentence, *after[:LISTED], *more])
        if line.strip():
            after.insert(0, line.strip())
    return ""


def _last_line(job: Job) -> str:
    """The last exception of its logs, or else their last line."""
    lines = [line for line in _lines(job.logs) if line.strip()]
    named = [line for line in lines if EXCEPTION.match(line)]
    return (named or lines or [""])[-1].strip()


def _lines(logs: Iterable[str]) -> Iterable[str]:
    for log in logs:
        try:
            with open(log, "rb") as file:
                file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL))
                yield from file.read().decode("utf-8", "replace").splitlines()
        except OSError:
            continue
