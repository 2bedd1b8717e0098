"""Labels of charts stay readable."""

from nano3.report.figures import spread


def test_labels_keep_their_distance_and_their_order() -> None:
    places = spread([5.0, 5.1, 9.9, 1.0], gap=1.0, low=0.0, high=10.0)
    assert places[3] < places[0] < places[1] < places[2] <= 10
    assert places[1] - places[0] >= 1
