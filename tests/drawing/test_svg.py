"""A figure inside a page has the page's colours, typeface and ids."""

import re

from nano3.drawing.svg import LIGHT, blank, inline, page_style


def test_a_figure_follows_the_page() -> None:
    with page_style():
        figure = blank(200, 100)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.plot([0, 1], [0, 1], "o", color=LIGHT["c1"])
        axes.text(0, 0, "words")
        svg = str(inline(figure, "chart", "What it shows."))
        assert svg == str(inline(figure, "chart", "What it shows.")), "the same figure is the same text"
    assert svg.startswith("<svg")
    assert 'viewBox="0 0 200 100"' in svg
    assert 'aria-label="What it shows."' in svg
    assert "var(--c1)" in svg
    assert LIGHT["c1"] not in svg
    assert "words</text>" in svg
    assert all(name.startswith("chart-") for name in re.findall(r'\bid="([^"]+)"', svg))
