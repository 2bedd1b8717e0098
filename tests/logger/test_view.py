"""Rows say how many of how many, how fast, and how long still; a segment that trains says it of its steps."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from snakemake_logger_plugin_nano3.segment import Segment, Standing
from snakemake_logger_plugin_nano3.tally import Job, Tally
from snakemake_logger_plugin_nano3.time_left import Expectations, Expected
from snakemake_logger_plugin_nano3.view import Row, TrainingRow, about, describe, rows, seconds_of_run, training_rows


def expectations(**kinds: Expected) -> Expectations:
    made = Expectations()
    made.kinds = kinds
    return made


def at(step: int) -> Standing:
    return Standing(step, 10, 5.1234, 2000.0, (10 - step) / 2)


def segment(standing: Standing | None) -> Segment:
    """A segment of 10 steps of 1,000 tokens that stands somewhere."""
    return cast(Segment, SimpleNamespace(standing=lambda: standing, step_tokens=1000, tokens=10_000, steps=10))


def one(tally: Tally, known: Expectations, segments: dict[int, Any], now: float = 10.0) -> Row:
    [row] = rows(tally, known, segments, now)
    return row


def tokenizing() -> Tally:
    tally = Tally()
    tally.expect({"tokenize_shard": 4})
    tally.start(Job(1, "tokenize_shard", "x/a", bytes=2_000_000), 0.0)
    tally.start(Job(2, "tokenize_shard", "x/b", bytes=1_000_000), 0.0)
    tally.finish(1, 8.0)
    return tally


def training(done: int, total: int) -> Tally:
    tally = Tally()
    tally.expect({"train_segment": total})
    for number in range(done + 1):
        tally.start(Job(number, "train_segment", f"phase1/s{number}"), 10.0 * number)
        if number < done:
            tally.finish(number, 10.0 * number + 5)
    return tally


def test_shards_have_a_rate_in_bytes_and_a_time_left() -> None:
    row = one(tokenizing(), expectations(tokenize=Expected(4, 8_000_000, 60.0)), {})
    assert row.text == "1 of 4, 200 kB/s, about 30 s left"
    assert row.share == 0.25
    assert one(tokenizing(), expectations(), {}).text == "1 of 4, 200 kB/s, about 30 s left", "by the number of shards"


def test_a_kind_with_failures_says_so() -> None:
    tally = tokenizing()
    tally.fail(2, 9.0)
    assert one(tally, expectations(), {}).text.startswith("1 of 4, 1 failed, ")


def test_short_steps_have_no_time_left() -> None:
    tally = Tally()
    tally.expect({"write_blend": 3})
    tally.start(Job(1, "write_blend", "phase1"), 0.0)
    tally.finish(1, 1.0)
    assert one(tally, expectations(), {}).text == "1 of 3"


def test_what_a_checkpoint_took_away_is_not_shown() -> None:
    tally = training(0, 3)
    tally.finish(0, 1.0)
    tally.expect({"train_segment": 1, "export_hf": 1})
    tally.expect({"train_segment": 1})
    assert [row.name for row in rows(tally, expectations(), {}, 2.0)] == ["train"]


def test_training_goes_by_tokens_and_by_the_speed_of_now() -> None:
    tally, segments = training(1, 4), {0: segment(at(10)), 1: segment(at(5))}
    row = one(tally, expectations(train=Expected(4, 40_000, 900.0)), segments, 20.0)
    assert (row.share, row.text) == (15_000 / 40_000, "1 of 4, 2k tokens/s, about 12 s left")


def test_the_last_segment_needs_no_plan_to_say_when_it_ends() -> None:
    assert one(training(1, 2), expectations(), {1: segment(at(4))}, 20.0).text == "1 of 2, 2k tokens/s, about 3 s left"


def test_before_the_first_step_the_plan_says_how_long() -> None:
    row = one(training(0, 4), expectations(train=Expected(4, 40_000, 900.0)), {0: segment(None)}, 2.0)
    assert row.text == "0 of 4, about 15 min left"


def test_a_segment_says_step_loss_speed_and_time_left() -> None:
    [row] = training_rows(training(0, 1), {0: segment(at(4))})
    assert (row.name, row.text) == ("phase1/s0", "step 4 of 10, loss 5.123, 2k tokens/s, about 3 s left")
    assert TrainingRow("x", None).text == "no step yet"
    assert TrainingRow("x", at(10)).text.endswith("measures validation losses, or saves")


def test_times_are_rough() -> None:
    assert [about(seconds) for seconds in (None, 0.2, 12.4, 124.0)] == [
        "", "about 1 s left", "about 12 s left", "about 2 min left",
    ]  # fmt: skip
    assert about(3 * 3600 + 125) == "about 3 h 2 min left"


def test_a_job_is_called_by_kind_and_name() -> None:
    assert describe(Job(1, "write_report", "")) == "report"
    assert Path(describe(Job(1, "tokenize_shard", "x/a"))) == Path("tokenize x/a")


def test_a_run_takes_the_time_of_tokenizing_and_training_together() -> None:
    tally = tokenizing()
    tally.expect({"tokenize_shard": 4, "write_blend": 3, "train_segment": 4})
    known = expectations(tokenize=Expected(4, 8_000_000, 60.0), train=Expected(4, 40_000, 900.0))
    assert seconds_of_run(tally, known, rows(tally, known, {}, 10.0)) == 30.0 + 900.0
    known = expectations(tokenize=Expected(4, 8_000_000, 60.0))
    assert seconds_of_run(tally, known, rows(tally, known, {}, 10.0)) is None, "nobody knows how long training takes"
    assert seconds_of_run(Tally(), known, []) is None
