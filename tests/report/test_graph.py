"""The artifact graph of a report: a ribbon for each share, a chain of segments that ends in the export."""

from itertools import pairwise
from pathlib import Path

import pytest

from nano3.report.graph import RIBBONS, picture
from tests.report.conftest import read_story


def test_a_ribbon_is_as_wide_as_its_share_and_ribbons_lie_side_by_side(house: Path) -> None:
    story = read_story()
    edges = [edge for edge, _ in picture(story).edges]
    datasets = {each.path: each.name for each in story.datasets}
    for phase in story.phases:
        ribbons = [edge for edge in edges if edge.end == phase.path]
        shares = {datasets[edge.start]: edge.width / RIBBONS for edge in ribbons}
        assert shares == pytest.approx(dict(phase.target))
        sides = [(edge.arrives - edge.width / 2, edge.arrives + edge.width / 2) for edge in ribbons]
        assert all(above[1] == pytest.approx(below[0]) for above, below in pairwise(sides))
        assert (sides[0][0], sides[-1][1]) == pytest.approx((-RIBBONS / 2, RIBBONS / 2))
    for path in datasets:
        ribbons = [edge for edge in edges if edge.start == path]
        sides = [(edge.leaves - edge.width / 2, edge.leaves + edge.width / 2) for edge in ribbons]
        assert all(above[1] == pytest.approx(below[0]) for above, below in pairwise(sides))
        assert sides[0][0] == pytest.approx(-sides[-1][1])


def test_segments_are_a_chain_to_the_export_and_each_has_its_phases_blend(house: Path) -> None:
    story = read_story()
    pairs = {(edge.start, edge.end) for edge, _ in picture(story).edges}
    paths = [*(segment.path for segment in story.segments), story.export]
    assert set(pairwise(paths)) <= pairs
    blends = {(phase.path, segment.path) for phase in story.phases for segment in phase.segments}
    assert blends <= pairs
    assert len(pairs) == len(paths) - 1 + len(blends) + len(story.datasets) * len(story.phases)
