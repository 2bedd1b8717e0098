"""A report's numbers come from receipts."""

from pathlib import Path

import pytest

from nano3.report.facts import mean
from tests.report.conftest import read_story


def test_a_realized_mixture_is_counted_in_tokens_not_in_samples(house: Path) -> None:
    long_context = read_story().phases[2]
    # shares 1:2:3 of 6, 10 and 6 samples, the rest to the first; of 1,024, 128 and 1,024 tokens
    drawn = {"web": 2 * 1024 + 128 * 2, "code": 2 * 2 * 1024 + 3 * 128, "maths": 2 * 3 * 1024 + 5 * 128}
    assert long_context.drawn == drawn
    assert sum(drawn.values()) == long_context.tokens == 13_568
    assert long_context.realized["web"] == pytest.approx(2304 / 13_568)
    assert long_context.deviation["maths"] == pytest.approx(6784 / 13_568 - 3 / 6)
    assert long_context.most_deviant in ("web", "code")


def test_held_out_losses_run_from_a_phases_first_segment_to_its_last(house: Path) -> None:
    phases = read_story().phases
    assert phases[0].before["web"] == pytest.approx(8.0)
    assert phases[0].after["web"] == pytest.approx(4 + 4 / (1 + 40 / 9) - 0.1)
    assert phases[1].before["web"] == pytest.approx(4 + 4 / (1 + 50 / 9))


def test_what_was_read_is_told_in_tokens_and_epochs(house: Path) -> None:
    story = read_story()
    assert story.read == {name: sum(phase.drawn[name] for phase in story.phases) for name in ("web", "code", "maths")}
    assert story.epochs["maths"] == pytest.approx(story.read["maths"] / 60_000)


def test_the_means_of_a_phase_are_over_the_sets_that_were_measured_both_times(house: Path) -> None:
    phase = read_story().phases[0]
    assert list(phase.means) == pytest.approx([mean(phase.before), mean(phase.after)])
    del phase.segments[-1].facts.validation["after"]["web"]
    others = {name: loss for name, loss in phase.before.items() if name != "web"}
    assert phase.means[0] == pytest.approx(mean(others))
    phase.segments[-1].facts.validation["after"].clear()
    assert phase.means == (None, None)


def test_validation_sets_that_were_left_out_are_told_by_length(house: Path) -> None:
    story = read_story()
    assert [phase.skipped_validation for phase in story.phases] == [{}, {}, {}]
    long_1, _, long_2 = story.phases[2].segments
    for segment in (long_1, long_2):
        segment.facts.skipped_validation["web"] = 300
    assert story.phases[2].skipped_validation == {1024: {"web": 300}}
