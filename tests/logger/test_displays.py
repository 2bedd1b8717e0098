"""A file gets plain lines, few of them; a terminal gets rows that stay in place."""

import io
from itertools import pairwise
from types import SimpleNamespace

from rich.console import Console

from snakemake_logger_plugin_nano3.displays import SETTLED, SPACING, Lines, Terminal, display_for
from snakemake_logger_plugin_nano3.segment import Standing
from snakemake_logger_plugin_nano3.view import Row, TrainingRow

TRAINING = TrainingRow("phase1/stable", Standing(12, 80, 5.1234, 11_900.0, 40.0))


def row(name: str, done: int, total: int, running: int = 0) -> Row:
    return Row(name, done, total, 0, running, done / total, "3.1 MB/s" if name == "tokenize" else "")


class Feed:
    """Lines in a file, drawn at some times."""

    def __init__(self) -> None:
        self.file = io.StringIO()
        self.lines = Lines(self.file, lambda: "12:00:00")

    def draw(self, now: float, *rows: Row, training: tuple[TrainingRow, ...] = ()) -> list[str]:
        """What is written when this is drawn, without the times."""
        self.file.truncate(0)
        self.file.seek(0)
        self.lines.draw("tiny: 1 of 9 steps, 1 s", rows, training, now)
        return [line.removeprefix("12:00:00 ") for line in self.file.getvalue().splitlines()]


def test_a_file_hears_when_a_kind_is_made() -> None:
    feed = Feed()
    assert feed.draw(0.0, row("tokenize", 0, 2, 1)) == ["tiny: 1 of 9 steps, 1 s"]
    assert feed.draw(1.0, row("tokenize", 2, 2)) == ["tokenize: 2 of 2, 3.1 MB/s"]
    assert feed.draw(9.0, row("tokenize", 2, 2)) == []


def test_a_file_hears_now_and_then_of_what_is_being_made() -> None:
    feed, heard = Feed(), []
    for number in range(41):
        now = number / 2
        if feed.draw(now, row("tokenize", number, 99, 1))[now == 0 :]:
            heard.append(now)
    assert heard[0] == SETTLED
    assert {later - now for now, later in pairwise(heard)} == {SPACING}


def test_what_has_not_changed_is_not_said_again_for_a_while() -> None:
    feed = Feed()
    heard = [now for now in range(100) if feed.draw(float(now), row("export", 0, 1, 1))[now == 0 :]]
    assert heard == [2, 62]


def test_a_long_run_is_not_a_long_file() -> None:
    feed, day = Feed(), 86_400
    lines = sum(
        len(feed.draw(float(now), row("train", 1 + now // 20_000, 9, 1), training=(moving(now),)))
        for now in range(0, 7 * day, 60)
    )
    assert 100 < lines < 600


def moving(now: int) -> TrainingRow:
    return TrainingRow("phase1/stable", Standing(now, 10**6, 5.0, 100.0, 40.0))


def test_training_is_a_line_with_its_steps() -> None:
    feed = Feed()
    feed.draw(0.0, row("train", 2, 6, 1))
    [line] = feed.draw(3.0, row("train", 2, 6, 1), training=(TRAINING,))
    assert line == "train 2 of 6, phase1/stable: step 12 of 80, loss 5.123, 11.9k tokens/s, about 40 s left"


def test_more_of_a_kind_after_a_checkpoint_is_told_when_it_is_made() -> None:
    feed = Feed()
    feed.draw(0.0, row("blend", 1, 1))
    assert feed.draw(1.0, row("blend", 1, 2)) == []
    assert feed.draw(2.0, row("blend", 2, 2)) == ["blend: 2 of 2"]


def test_a_file_has_neither_colours_nor_carriage_returns() -> None:
    feed = Feed()
    feed.lines.say("it failed", "error")
    feed.draw(0.0, row("tokenize", 1, 1))
    feed.lines.stop()
    assert not {"\x1b", "\r"} & {*feed.file.getvalue()}


def terminal(width: int = 100) -> tuple[Terminal, io.StringIO]:
    file = io.StringIO()
    return Terminal(Console(file=file, force_terminal=True, width=width, color_system=None)), file


def test_a_terminal_has_a_row_for_each_kind_and_segment() -> None:
    shown, file = terminal()
    shown.draw("tiny: 5 of 9 steps, 1 min", [row("tokenize", 2, 2), row("train", 2, 6, 1)], [TRAINING], 0.0)
    shown.stop()
    shown.stop()
    text = file.getvalue()
    for said in (
        "tiny: 5 of 9 steps, 1 min",
        "tokenize",
        "2 of 2",
        "3.1 MB/s",
        "2 of 6",
        "phase1/stable",
        "step 12 of 80",
    ):
        assert said in text


def test_what_is_said_on_a_terminal_is_never_broken_by_its_width() -> None:
    shown, file = terminal(40)
    sentence = "a sentence that is longer than the terminal is wide, with a path/to/a/file that one wants to copy"
    shown.draw("tiny", [row("train", 2, 6, 1)], [], 0.0)
    shown.say(sentence, "error")
    shown.stop()
    assert sentence in file.getvalue()


def test_where_nobody_looks_there_are_lines() -> None:
    settings = SimpleNamespace(stdout=False, nocolor=False)
    assert isinstance(display_for(settings, io.StringIO()), Lines)


def test_a_narrow_terminal_shows_all_of_it_too() -> None:
    shown, file = terminal(72)
    shown.draw("tiny", [row("train", 2, 6, 1)], [TRAINING], 0.0)
    shown.stop()
    text = " ".join(file.getvalue().split())
    for said in ("2 of 6", "step 12 of 80", "loss 5.123", "11.9k", "40 s left"):
        assert said in text
