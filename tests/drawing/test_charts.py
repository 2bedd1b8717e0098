"""Panels fill a figure between its margins."""

import pytest

from nano3.drawing.charts import panels
from nano3.drawing.svg import blank


def test_panels_share_the_room_between_the_margins() -> None:
    figure = blank(500, 200)
    axes = panels(figure, [1.0, 3.0], left=60, right=20, bottom=50, top=30, gap=20)
    boxes = [each.get_position() for each in axes]
    assert [(box.x0 * 500, box.x1 * 500) for box in boxes] == [pytest.approx((60, 160)), pytest.approx((180, 480))]
    assert [(box.y0 * 200, box.y1 * 200) for box in boxes] == [pytest.approx((50, 170))] * 2
