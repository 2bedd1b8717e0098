"""A job that failed is told by the last word of its log, with the remedy and the log last."""

from pathlib import Path

import pytest

from snakemake_logger_plugin_nano3.failures import exit_status, failure, last_word
from snakemake_logger_plugin_nano3.tally import Job

GOOD = "row 20: not a JSON object: fix or replace the file, then pin its dataset again"


def job(log: Path, text: str | None, rule: str = "tokenize_shard") -> Job:
    if text is not None:
        log.write_text(text)
    return Job(1, rule, "my-web/a", (str(log),))


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "job.log"


@pytest.mark.parametrize(
    ("rule", "text"),
    [
        ("tokenize_shard", f"tokenize_shard: {GOOD}\n"),
        ("tokenize_shard", f"Reading…\ntokenize_shard: an earlier try\ntokenize_shard: {GOOD}\n\n"),
        ("download_tokenizer", f"download_shard: {GOOD}\n"),
        ("train_segment", f"launch: {GOOD}\n"),
        ("train_segment", f"0: 12:00:01 step 3\n1: train_segment: {GOOD}\nsrun: error: node: task 1: Exited\n"),
    ],
)
def test_the_cause_is_the_last_sentence_of_the_jobs_own_script(log: Path, rule: str, text: str) -> None:
    told = failure(job(log, text, rule)).lines()
    assert told == [GOOD, f"  in {rule} my-web/a", f"  log: {log}"]


def test_an_error_that_nobody_foresaw_is_told_by_its_last_exception(log: Path) -> None:
    text = 'Traceback (most recent call last):\n  File "a.py", line 1\nnumpy.exceptions.AxisError: axis 3\n\n[W] bye\n'
    told = failure(job(log, text)).lines()
    assert told[0] == "numpy.exceptions.AxisError: axis 3"
    assert "its log has the traceback" in told[2]


@pytest.mark.parametrize("status", [137, -9])
def test_a_killed_job_is_told_as_that(log: Path, status: int) -> None:
    told = failure(job(log, "12:00:00 step 3\n"), status=status).lines()
    assert told[0] == "it was killed, most often for memory"
    assert told[-1] == f"  log: {log}"


@pytest.mark.parametrize(
    ("state", "said"), [("TIMEOUT", "time limit"), ("OUT_OF_MEMORY", "memory"), ("NODE_FAIL", "as NODE_FAIL")]
)
def test_slurms_word_tells_where_the_job_says_nothing(log: Path, state: str, said: str) -> None:
    assert said in failure(job(log, ""), f"SLURM-job '77' failed, SLURM status is: '{state}'.").cause


def test_a_log_that_is_empty_or_missing_is_said(log: Path) -> None:
    assert failure(job(log, ""), status=3).lines()[0] == "it ended with status 3 and left no message"
    told = failure(job(log.with_name("none.log"), None)).lines()
    assert told == ["it ended and left no message", "  in tokenize_shard my-web/a"]


def test_only_the_end_of_a_long_log_is_read(log: Path) -> None:
    assert failure(job(log, "tokenize_shard: too early\n" + "x\n" * 100_000)).cause == "x"


def test_the_status_of_a_command_is_in_snakemakes_words() -> None:
    assert exit_status("Command 'x' returned non-zero exit status 137.") == 137
    assert exit_status("Command 'x' died with <Signals.SIGKILL: 9>.") == -9
    assert exit_status("No rule to produce x") is None


def test_the_last_word_of_a_training_that_was_interrupted(log: Path) -> None:
    word = "it was interrupted (SIGINT); saved at step 2"
    assert last_word(job(log, f"train_segment: {word}\n", "train_segment")) == word
    assert last_word(job(log, "12:00:00 step 3\n", "train_segment")) == ""


@pytest.mark.parametrize(("faults", "more"), [(2, []), (5, ["  and 3 more, in its log"])])
def test_a_bundle_names_its_first_faults(log: Path, faults: int, more: list[str]) -> None:
    shards = [f"part-{number}.jsonl: SHA-256 is 0" for number in range(faults)]
    text = "\n".join([f"tokenize_bundle: {faults} of 9 shards failed:", *shards, ""])
    told = failure(job(log, text, "tokenize_bundle")).lines()
    assert told[:-2] == [f"{faults} of 9 shards failed:", f"  {shards[0]}", f"  {shards[1]}", *more]
