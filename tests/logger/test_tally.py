"""Jobs are counted by kind of artifact, whatever rule makes it and whatever a checkpoint changes."""

from pathlib import Path

from snakemake_logger_plugin_nano3.tally import KINDS, Job, Tally
from tests.conftest import REPOSITORY
from tests.logger.events import job_info


def job(number: int, rule: str = "tokenize_shard", size: int = 0) -> Job:
    return Job(number, rule, "", bytes=size)


def test_every_rule_of_the_workflow_has_a_kind() -> None:
    words = [line.split() for path in (REPOSITORY / "rules").glob("*.smk") for line in path.read_text().splitlines()]
    rules = {line[1].rstrip(":") for line in words if len(line) == 2 and line[0] in ("rule", "checkpoint")}
    assert rules == {rule for rules in KINDS.values() for rule in rules}


def test_shards_and_bundles_are_one_kind_and_what_only_collects_is_none() -> None:
    tally = Tally()
    tally.expect({"tokenize_shard": 3, "tokenize_bundle": 2, "all": 1, "my_own_rule": 1})
    assert {name: kind.total for name, kind in tally.kinds.items()} == {"tokenize": 5, "my_own_rule": 1}
    assert tally.total == 6


def test_kinds_stand_in_the_order_in_which_they_are_made() -> None:
    tally = Tally()
    tally.expect({"write_report": 1, "train_segment": 1, "tokenize_shard": 1})
    assert [*tally.kinds] == ["tokenize", "train", "report"]


def test_a_job_that_is_done_counts_with_its_bytes() -> None:
    tally = Tally()
    tally.expect({"tokenize_shard": 2})
    tally.start(job(1, size=100), 10.0)
    tally.start(job(2, size=50), 11.0)
    tally.finish(1, 14.0)
    kind = tally.kinds["tokenize"]
    assert (kind.done, kind.bytes, kind.most, [*kind.running]) == (1, 100, 2, [2])
    assert kind.seconds(20.0) == 10.0, "one of them still runs"
    tally.finish(2, 16.0)
    assert kind.over
    assert kind.seconds(20.0) == 6.0


def test_a_checkpoint_may_take_jobs_away_and_bring_new_ones() -> None:
    tally = Tally()
    tally.expect({"write_blend": 1, "train_segment": 6})
    tally.start(job(1, "write_blend"), 0.0)
    tally.finish(1, 1.0)
    tally.expect({"write_blend": 1})
    assert tally.kinds["train"].total == 0
    tally.expect({"write_blend": 1, "train_segment": 2})
    assert (tally.done, tally.total) == (1, 3)


def test_a_job_that_is_tried_again_has_not_failed() -> None:
    tally = Tally()
    tally.start(job(1), 0.0)
    tally.fail(1, 1.0)
    assert (len(tally.failed), tally.kinds["tokenize"].failed) == (1, 1)
    tally.retry(1)
    tally.start(job(1), 2.0)
    tally.finish(1, 3.0)
    assert (tally.failed, tally.kinds["tokenize"].failed, tally.done) == ([], 0, 1)


def test_a_job_is_read_off_snakemakes_event(tmp_path: Path) -> None:
    raw = tmp_path / "a.jsonl"
    raw.write_text("12345")
    fields = {"dataset": "my-web", "shard": "a", "input": [str(raw), "tokenizer.json"]}
    read = Job.of(vars(job_info(7, "tokenize_shard", ["a.log"], **fields)))
    assert (read.number, read.kind, read.name, read.logs, read.bytes) == (7, "tokenize", "my-web/a", ("a.log",), 5)


def test_the_bytes_of_a_download_are_those_that_arrived(tmp_path: Path) -> None:
    raw, tally = tmp_path / "a.parquet", Tally()
    tally.start(
        Job.of(vars(job_info(1, "download_shard", output=[str(raw)], dataset="x", shard="a", ending=".x"))), 0.0
    )
    raw.write_bytes(b"123")
    done = tally.finish(1, 1.0)
    assert done is not None
    assert (done.name, tally.kinds["download"].bytes) == ("x/a", 3)
