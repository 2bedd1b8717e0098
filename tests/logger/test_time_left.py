"""The time that is left is the plan's at first, and the run's own once it has shown what it takes."""

from pathlib import Path

import pytest

from nano3.graph import judge
from snakemake_logger_plugin_nano3.tally import Kind
from snakemake_logger_plugin_nano3.time_left import Expectations, Expected, expected, seconds_left
from tests.built import SHARD_SECONDS
from tests.graph.conftest import bare, tiny, tiny_house, tiny_original  # noqa: F401  fixtures

WHOLE = Expected(jobs=10, amount=1000, seconds=100.0)


def kind(done: int, began: float | None = 0.0, most: int = 1, name: str = "tokenize") -> Kind:
    return Kind(name, total=10, done=done, began=began, most=most)


def test_before_anything_is_done_receipts_say_it_for_so_many_jobs_at_a_time() -> None:
    assert seconds_left(kind(0), WHOLE, 0, 1.0) == 100.0
    assert seconds_left(kind(0, most=4), WHOLE, 0, 1.0) == 25.0
    assert seconds_left(kind(1, most=2), WHOLE, 100, 30.0) == 45.0


def test_training_is_estimated_for_all_its_ranks_already() -> None:
    assert seconds_left(kind(0, most=2, name="train"), WHOLE, 0, 1.0) == 100.0


def test_later_the_runs_own_rate_says_it() -> None:
    assert seconds_left(kind(5), WHOLE, 500, 40.0) == 40.0


def test_without_receipts_the_rate_so_far_says_it_and_before_that_nothing() -> None:
    assert seconds_left(kind(0), None, 0, 5.0) is None
    assert seconds_left(kind(2), None, 0, 5.0) == 20.0
    assert seconds_left(kind(0), Expected(10, 1000, None), 0, 5.0) is None
    assert seconds_left(kind(2), Expected(10, 1000, None), 100, 5.0) == 45.0


def test_what_is_made_or_has_not_begun_has_no_time_left() -> None:
    assert seconds_left(kind(10), WHOLE, 1000, 5.0) is None
    assert seconds_left(kind(0, began=None), WHOLE, 0, 5.0) is None


def test_a_part_of_the_work_takes_its_part_of_the_time() -> None:
    expectations = Expectations()
    expectations.kinds = {"tokenize": Expected(20, 4000, 400.0)}
    assert expectations.of(kind(0)) == Expected(10, 2000, 200.0)
    assert expectations.of(kind(0, name="blend")) is None


@pytest.mark.usefixtures("tiny_house")
def test_the_plan_is_asked_for_shards_and_segments_that_are_missing() -> None:
    request = tiny()
    assert expected(request, lambda dataset: judge.judge_tokens(request, dataset)) == {}
    for shard in request.shards["tiny-math"]:
        Path(request.paths.train("tiny-math", shard, ".json")).unlink()
    found = expected(request, lambda dataset: judge.judge_tokens(request, dataset))
    shards = request.shards["tiny-math"].values()
    assert found["tokenize"].jobs == len(shards) == 3
    assert found["tokenize"].amount == sum(shard.bytes for shard, _ in shards)
    seconds = found["tokenize"].seconds
    assert seconds is not None
    assert 0 < seconds < 10 * SHARD_SECONDS
    assert found["train"].jobs == len(request.places)


@pytest.mark.usefixtures("bare")
def test_where_nothing_was_measured_only_the_amounts_are_known() -> None:
    request = tiny()
    found = expected(request, lambda dataset: judge.judge_tokens(request, dataset))
    assert found["tokenize"].seconds is None
    assert found["tokenize"].amount > 0
    assert found["train"].seconds is None
