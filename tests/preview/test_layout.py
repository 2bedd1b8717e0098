"""Each segment is one line, and its other numbers of ranks are said below."""

from nano3.config.load import load_recipe
from nano3.preview.layout import as_text, layout


def test_a_line_is_a_segment_and_the_ranks_it_also_fits_on_follow() -> None:
    lines = as_text(layout(load_recipe("nano3")[1])).splitlines()
    segments = lines[1 : lines.index("")]
    assert lines[0].split()[:2] == ["segment", "ranks"]
    assert len({len(line) for line in lines[: len(segments) + 1]}) == 1
    assert [line.split(" also fits on ")[0] for line in lines[lines.index("") + 1 :]] == [
        line.split()[0] for line in segments
    ]


def test_ranks_without_a_sequence_are_told_of_the_cpu_trainer_alone() -> None:
    (first, *_) = layout(load_recipe("tiny", "layout.processes_per_node=16")[1])
    assert (first["idle_ranks"], "worlds" in first) == (8, False)
    assert "8 of 16 ranks have no sequence" in as_text([first])
    (first, *_) = layout(load_recipe("nano3")[1])
    assert ("idle_ranks" in first, first["ranks"] in first["worlds"]) == (False, True)
