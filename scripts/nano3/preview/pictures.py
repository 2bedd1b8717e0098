"""Pictures of mixtures and schedules. One unit is one pixel; a phase has one colour everywhere."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nano3.core.formatting import compact, rate
from nano3.drawing.charts import panels
from nano3.drawing.svg import COLOURS, LIGHT, blank, page_style
from nano3.preview.mixture import is_over

INK, MUTED, PALE, LINE = (LIGHT[name] for name in ("ink", "muted", "pale", "line"))
WIDE, RIGHT = 1180, 30
LETTER = 7.4  # mean width of a letter
ROW = 21
DOTS_PER_INCH = 110
NARROWEST_PHASE = 0.16  # of the width
FARTHEST_SIDES = 20  # times the tokens of the other recipe


def _colour(phase: int) -> str:
    """Of a phase by its number; they repeat."""
    return COLOURS[phase % len(COLOURS)]


def draw(preview: dict[str, Any], picture: str, files: Sequence[Path]) -> None:
    """Draw a preview. picture: the function of this module that does. files: .png or .svg."""
    with page_style():
        figure = globals()[picture](preview)
        for file in files:
            undated = {"Date": None} if file.suffix == ".svg" else None
            figure.savefig(file, dpi=DOTS_PER_INCH, facecolor="white", metadata=undated)


def mixture_picture(plan: dict[str, Any]) -> Figure:
    """Shares of each phase, asked for and after caps, and the epochs that all phases together come to."""
    phases = plan["phases"]
    names = list(dict.fromkeys(name for data in phases.values() for name in data["datasets"]))
    last = {name: data["datasets"][name] for data in phases.values() for name in names if name in data["datasets"]}
    labels = [f"{name}  {_there(last[name])}" for name in names]
    left, top, bottom = 24 + LETTER * max(map(len, labels)), 74, 64
    figure = blank(WIDE, top + ROW * len(names) + bottom)
    columns = panels(figure, [1.0] * len(phases) + [1.6], left, RIGHT, bottom, top, gap=26)
    widest = max(max(row["asked"], row["share"]) for data in phases.values() for row in data["datasets"].values())
    for number, ((phase, data), axes) in enumerate(zip(phases.items(), columns, strict=False)):
        rows = data["datasets"]
        places = [place for place, name in enumerate(names) if name in rows]
        present = [rows[names[place]] for place in places]
        axes.barh(places, [row["asked"] * 100 for row in present], 0.78, color=PALE)
        axes.barh(places, [row["share"] * 100 for row in present], 0.4, color=_colour(number))
        axes.set(xlim=(0, widest * 106))
        axes.set_title(f"{phase}\n{compact(data['tokens'])} tokens", loc="left", color=_colour(number), weight="bold")
        axes.set_xlabel("share, %")
    _epochs(columns[-1], phases, names)
    for axes in columns:
        axes.set_ylim(len(names) - 0.4, -0.6)
        axes.set_yticks(range(len(names)), labels if axes is columns[0] else [""] * len(names), color=INK)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.grid(visible=False, axis="y")
    legend = (
        "pale: share asked for; colour: share after caps; ┃ and ╏: most epochs of the recipe, and up to a phase's end"
    )
    figure.text(0.012, 10 / (top + ROW * len(names) + bottom), legend, color=MUTED)
    return figure


def _there(row: dict[str, Any]) -> str:
    return "?" if row["available"] is None else f"{'~' if row['estimated'] else ''}{compact(row['available'])}"


def _epochs(axes: Axes, phases: dict[str, Any], names: Sequence[str]) -> None:
    """What is drawn of each dataset by all phases, stacked in the phases' colours, with caps as strokes."""
    rows = [
        (place, number, data["datasets"].get(name))
        for place, name in enumerate(names)
        for number, data in enumerate(phases.values())
    ]
    known = [(place, number, row) for place, number, row in rows if row and row["epochs"] is not None]
    caps = [row["max_epochs"] for _, _, row in known if row["max_epochs"] is not None]
    most = max([1.0, *caps, *(row["epochs"] for _, _, row in known)])
    so_far = dict.fromkeys(range(len(names)), 0.0)
    for place, number, row in known:
        axes.barh(place, row["epochs"] - so_far[place], 0.6, left=so_far[place], color=_colour(number))
        so_far[place] = row["epochs"]
        if (cap := row["max_epochs"]) is not None:
            dash = (0, (1.2, 1.2)) if cap < max(caps) else "-"
            axes.plot([cap, cap], [place - 0.42, place + 0.42], color=INK, linewidth=1.4, linestyle=dash)
            if is_over(row):
                axes.text(
                    most * 1.03, place, f"{row['epochs_asked']:.3g} asked for", va="center", size=10.5, color=MUTED
                )
    axes.set_xlim(0, most * (1.5 if any(is_over(row) for _, _, row in known) else 1.06))
    axes.set_title("epochs\nby the end of each phase", loc="left", color=INK, weight="bold")
    axes.set_xlabel("epochs")


def schedule_picture(data: dict[str, Any]) -> Figure:
    """Learning rate, tokens of a step and sequence length over tokens, a column for each phase."""
    segments = data["segments"]
    phases = {phase: [row for row in segments if row["phase"] == phase] for phase in data["points"]}
    heights, top, bottom, left, gap = (250, 110, 130), 58, 46, 92, 34
    height = top + sum(heights) + 2 * gap + bottom
    figure = blank(WIDE, height)
    total = segments[-1]["last_token"]
    parts = [sum(row["trained"] for row in rows) / total for rows in phases.values()]
    narrowest = min(NARROWEST_PHASE, 0.5 / len(phases))
    shares = [narrowest + (1 - narrowest * len(phases)) * part for part in parts]
    y = float(top)
    for label, tall in zip(("learning rate", "tokens a step", "sequence length"), heights, strict=True):
        columns = panels(figure, shares, left, RIGHT, height - y - tall, y, gap=12)
        for number, ((phase, rows), axes) in enumerate(zip(phases.items(), columns, strict=True)):
            _frame(axes, rows, _colour(number))
            if label == "learning rate":
                axes.plot(*data["points"][phase], color=_colour(number), linewidth=2)
                tokens = sum(row["asked"] for row in rows)
                axes.set_title(f"{phase}\n{compact(tokens)} tokens", loc="left", color=_colour(number), weight="bold")
            else:
                edges = [rows[0]["first_token"], *(row["last_token"] for row in rows)]
                values = [_height(row, label) for row in rows]
                axes.stairs(values, edges, baseline=None, color=_colour(number), linewidth=2)
            _scale(axes, segments, label)
            axes.tick_params(labelleft=number == 0)
        columns[0].set_ylabel(label)
        columns[0].yaxis.set_label_coords(-64 / (columns[0].get_position().width * WIDE), 0.5)
        y += tall + gap
    figure.text(left / WIDE, 6 / height, "tokens trained on; thin lines: segments end", color=MUTED)
    return figure


def _height(row: dict[str, Any], label: str) -> int:
    return int(row["sequence_length"] * (row["global_batch_size"] if label == "tokens a step" else 1))


def _frame(axes: Axes, rows: Sequence[dict[str, Any]], colour: str) -> None:
    """A phase's tint, its scale of tokens, and where its segments end."""
    first, last = rows[0]["first_token"], rows[-1]["last_token"]
    axes.set_xlim(first, last)
    axes.axvspan(first, last, color=colour, alpha=0.06, linewidth=0)
    for row in rows[:-1]:
        axes.axvline(row["last_token"], color=LINE, linewidth=1)
    axes.xaxis.set_major_locator(MaxNLocator(5 if axes.get_position().width > 0.25 else 2))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _tokens(value, last - first)))


def _scale(axes: Axes, segments: Sequence[dict[str, Any]], label: str) -> None:
    """The same heights in all phases: from 0, or for sequence lengths by powers of two."""
    if label == "learning rate":
        highest = max(max(row["first_rate"], row["last_rate"]) for row in segments)
        axes.set_ylim(0, highest * 1.1)
        round_ones = [tick for tick in MaxNLocator(5).tick_values(0, highest) if tick < highest * 0.92]
        axes.set_yticks([*round_ones, highest])
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: rate(value)))
        return
    values = sorted({_height(row, label) for row in segments})
    if label == "sequence length":
        axes.set_yscale("log", base=2)
        axes.set_ylim(values[0] / 2, values[-1] * 2)
        axes.set_yticks(values, [f"{value:,}" for value in values])
        axes.minorticks_off()
    else:
        axes.set_ylim(0, values[-1] * 1.15)
        axes.yaxis.set_major_locator(MaxNLocator(3))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))


def _tokens(value: float, span: float) -> str:
    """A place on the axis with as many digits as tell its neighbours apart."""
    unit, letter = next(
        (u, w) for u, w in ((1e12, "T"), (1e9, "B"), (1e6, "M"), (1e3, "k"), (1, "")) if value >= u or u == 1
    )
    digits = 0
    while span / 5 < unit / 10**digits and digits < 4:
        digits += 1
    return f"{value / unit:.{digits}f}{letter}"


def sides_picture(data: dict[str, Any]) -> Figure:
    """
    The learning-rate curves of two recipes on a logarithmic scale, over the same tokens; where one trains on so many
    more that the other's curve would be a stroke, each over the part of its own.
    """
    figure = blank(WIDE, 330)
    axes = figure.add_axes((0.08, 0.17, 0.9, 0.76))
    totals = [max(tokens[-1] for tokens, _ in phases.values()) for phases in data["curves"]]
    in_parts = max(totals) > FARTHEST_SIDES * min(totals)
    highest = max(max(rates) for phases in data["curves"] for _, rates in phases.values())
    lowest = min(rates[-1] or highest for phases in data["curves"] for _, rates in phases.values())
    for number, (name, phases, total) in enumerate(zip(data["recipes"], data["curves"], totals, strict=True)):
        unit = total / 100 if in_parts else 1
        places = [token / unit for tokens, _ in phases.values() for token in tokens]
        rates = [each for _, part in phases.values() for each in part]
        colour, dash = COLOURS[number], "-" if number == 0 else (0, (5, 1.5))
        axes.plot(places, rates, color=colour, linewidth=2.2, linestyle=dash)
        at = next(at for at, place in enumerate(places) if place >= (0.3 + 0.2 * number) * places[-1])
        where: dict[str, Any] = {"xytext": (0, 8), "textcoords": "offset points"}
        axes.annotate(name, (places[at], rates[at]), **where, color=colour, weight="bold")
        for tokens, _ in phases.values():
            axes.axvline(tokens[0] / unit, color=PALE, linewidth=1)
    of_what = "tokens trained on, percent of each recipe's own" if in_parts else "tokens trained on"
    axes.set(yscale="log", ylabel="learning rate", xlabel=f"{of_what}; grey lines: phases begin")
    axes.set_ylim(min(highest / 300, lowest / 1.5), highest * 2.5)
    axes.set_xlim(0, 100 if in_parts else max(totals))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: rate(value)))
    return figure
