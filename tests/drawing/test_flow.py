"""Boxes of a flow graph never overlap, and edges meet them."""

import itertools
import re

from nano3.drawing.flow import HEADING, Box, Column, Edge, picture


def boxes(prefix: str, count: int) -> dict[str, Box]:
    return {f"{prefix}{number}": Box(f"{prefix}{number}", ("a line",)) for number in range(count)}


SEGMENTS = Column("Segments", [boxes("a", 2), boxes("b", 1), boxes("c", 3)], (40.0, 150.0))
BLENDS = Column("Blends", [boxes("blend", 3)], beside=SEGMENTS)


def test_boxes_of_a_column_keep_their_order_and_do_not_overlap() -> None:
    for datasets in (1, 4, 40):
        data = Column("Datasets", [{key: box} for key, box in boxes("d", datasets).items()])
        drawn = picture([data, BLENDS, SEGMENTS], [])
        for _, column in itertools.groupby(drawn.boxes, key=lambda each: each.x):
            placed = list(column)
            assert all(above.bottom < below.y for above, below in itertools.pairwise(placed))
            assert placed[0].y >= HEADING
            assert placed[-1].bottom <= drawn.height


def test_a_box_beside_a_group_is_centred_on_it() -> None:
    drawn = {each.box.title: each for each in picture([BLENDS, SEGMENTS], []).boxes}
    assert drawn["blend1"].middle == drawn["b0"].middle
    assert drawn["blend2"].middle == drawn["c1"].middle


def test_a_column_may_end_level_with_another() -> None:
    drawn = {
        each.box.title: each for each in picture([SEGMENTS, Column("", [boxes("r", 2)], level=SEGMENTS)], []).boxes
    }
    assert drawn["r1"].bottom == drawn["c2"].bottom


def test_an_edge_runs_from_side_to_side_and_straight_down_within_a_column() -> None:
    drawn = picture([BLENDS, SEGMENTS], [Edge("blend0", "a0"), Edge("a0", "a1")])
    place = {each.box.title: each for each in drawn.boxes}
    (_, across), (_, down) = drawn.edges
    x, y = map(float, re.findall(r"M([\d.]+) ([\d.]+)C", across)[0])
    assert (x, y) == (round(place["blend0"].right, 1), round(place["blend0"].middle, 1))
    assert re.fullmatch(r"M[\d.]+ [\d.]+V[\d.]+", down)


def test_a_box_is_as_wide_as_its_longest_text() -> None:
    assert Box("x" * 40).width == Box("x", note="y" * 36).width > Box("x", ("y" * 40,)).width > Box("x").width


def test_an_empty_column_is_left_out() -> None:
    drawn = picture([Column("Nothing", []), SEGMENTS], [])
    assert [heading for _, heading in drawn.headings] == ["Segments"]
