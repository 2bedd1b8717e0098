"""How do report and previews lay out a figure's panels? Side by side, by shares of the width."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure


def panels(
    figure: Figure, shares: Sequence[float], left: float, right: float, bottom: float, top: float, gap: float
) -> list[Axes]:
    """Panels side by side. shares: of the width. The others: margins in pixels."""
    width, height = (inches * 72 for inches in figure.get_size_inches())
    room = width - left - right - gap * (len(shares) - 1)
    made, x = [], left
    for share in shares:
        across = room * share / sum(shares)
        made.append(figure.add_axes((x / width, bottom / height, across / width, (height - top - bottom) / height)))
        x += across + gap
    return made
