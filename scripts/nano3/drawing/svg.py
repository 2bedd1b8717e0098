"""
How does a matplotlib figure fit into a page?

Its colours become the page's own variables, its text stays text in the page's own typeface: a chart follows the reader
from light to dark, can be searched, and needs nothing from outside. One unit of a figure is one CSS pixel.
"""

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from xml.etree import ElementTree

from markupsafe import Markup
from matplotlib import style
from matplotlib.figure import Figure

# Colours of data: Okabe and Ito, "Color Universal Design", 2008; without yellow, which vanishes on white.
LIGHT = {
    "paper": "#f6f7f9",
    "card": "#fffffe",
    "ink": "#1a1e24",
    "muted": "#59626e",
    "line": "#d9dde3",
    "pale": "#b5bbc4",
    "c0": "#0072b2",
    "c1": "#d55e00",
    "c2": "#009e73",
    "c3": "#cc79a7",
    "c4": "#e69f00",
    "c5": "#56b4e9",
    "c6": "#4a4a4a",
}
DARK = {
    "paper": "#101317",
    "card": "#181c22",
    "ink": "#e8ebef",
    "muted": "#a0a9b5",
    "line": "#333a44",
    "pale": "#5b6471",
    "c0": "#4aa8e0",
    "c1": "#f08a45",
    "c2": "#2fc79a",
    "c3": "#e09cc2",
    "c4": "#f0b73a",
    "c5": "#8fd0f5",
    "c6": "#c4c4c4",
}
COLOURS = tuple(value for name, value in LIGHT.items() if re.fullmatch(r"c\d", name))

PIXELS_PER_INCH = 72
STYLE = {
    "svg.fonttype": "none",
    "svg.hashsalt": "nano3",
    "font.family": ["DejaVu Sans"],
    "font.size": 12.5,
    "text.color": LIGHT["ink"],
    "axes.edgecolor": LIGHT["line"],
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.labelcolor": LIGHT["muted"],
    "axes.labelsize": 12.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "figure.facecolor": "none",
    "grid.color": LIGHT["line"],
    "grid.linewidth": 1.0,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "lines.solid_joinstyle": "round",
    "xtick.color": LIGHT["line"],
    "xtick.labelcolor": LIGHT["muted"],
    "ytick.color": LIGHT["line"],
    "ytick.labelcolor": LIGHT["muted"],
    "xtick.major.size": 4,
    "ytick.major.size": 0,
    "ytick.major.pad": 9,
}
NAMESPACE = re.compile(r"\{[^}]*\}")
COLOUR = re.compile(r"#[0-9a-f]{6}\b")
REFERENCE = re.compile(r"#([A-Za-z][\w.-]*)")


@contextmanager
def page_style() -> Iterator[None]:
    """Within it figures are drawn in the page's style, whatever the user's own settings are."""
    with style.context(["default", STYLE]):
        yield


def blank(width: float, height: float) -> Figure:
    """An empty figure. width, height: CSS pixels."""
    return Figure(figsize=(width / PIXELS_PER_INCH, height / PIXELS_PER_INCH))


def inline(figure: Figure, name: str, description: str) -> Markup:
    """
    The figure as an element of an HTML page.

    name: unique in the page, for its ids. description: for readers who can't see it.
    """
    buffer = io.BytesIO()
    figure.savefig(buffer, format="svg", metadata=dict.fromkeys(("Date", "Creator", "Format", "Type")))
    root = ElementTree.fromstring(buffer.getvalue())
    for element in root.iter():
        for child in [child for child in element if child.tag.endswith(("}style", "}metadata"))]:
            element.remove(child)
    wanted = {
        match for element in root.iter() for value in element.attrib.values() for match in REFERENCE.findall(value)
    }
    for element in root.iter():
        element.tag = NAMESPACE.sub("", element.tag)
        element.attrib = {
            NAMESPACE.sub("", key): _in_page(key, value, name)
            for key, value in element.attrib.items()
            if key != "id" or value in wanted
        }
    root.attrib = {"viewBox": root.attrib["viewBox"], "class": "chart", "role": "img", "aria-label": description}
    ElementTree.indent(root, "")
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _in_page(key: str, value: str, name: str) -> str:
    """An attribute's value with the page's colours and typeface, and ids of its own."""
    if key == "id":
        return f"{name}-{value}"
    if key == "style":
        value = COLOUR.sub(lambda match: VARIABLES.get(match[0], match[0]), value)
        return value.replace("font-family: 'DejaVu Sans'; ", "").replace("; font-family: 'DejaVu Sans'", "")
    if key.endswith("href") or value.startswith("url("):
        return REFERENCE.sub(rf"#{name}-\1", value)
    return value


VARIABLES = {colour: f"var(--{name})" for name, colour in LIGHT.items()}
