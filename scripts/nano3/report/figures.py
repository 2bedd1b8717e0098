"""What does a training look like? Charts of its tokens, its mixture, and its losses over tokens."""

import math
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, MaxNLocator

from nano3.core.formatting import compact, many, rate
from nano3.drawing.charts import panels
from nano3.drawing.svg import COLOURS, LIGHT, blank, inline, page_style
from nano3.report.facts import PhaseSummary, SegmentSummary, Series, Story

INK, MUTED, PALE, LINE, CARD = (LIGHT[name] for name in ("ink", "muted", "pale", "line", "card"))
WIDE, HALF = 1080, 420
LETTER = 7.6  # mean width of a letter of the charts' text
NARROWEST_PHASE = 104  # pixels; a phase's name and tokens fit above it
MOST_POINTS = 500
LABEL_HEIGHT = 17
SEGMENT_LABEL = 14  # pixels that a name takes, written upwards
CROWD = 10  # datasets; more of them are drawn smaller
MARKERS = "osD^vPX"
DASH = 5.0  # line widths


def tokens_chart(story: Story) -> Markup:
    """Training tokens of each dataset, as bars with the name above each."""
    row = 40
    height = row * len(story.datasets) + 8
    most = max(dataset.facts.tokens for dataset in story.datasets)
    with page_style():
        figure = blank(HALF, height)
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, HALF), ylim=(height, 0))
        axes.axis("off")
        for number, dataset in enumerate(story.datasets):
            top = number * row
            axes.text(0, top + 18, dataset.name, weight="bold")
            axes.text(HALF, top + 18, compact(dataset.facts.tokens), ha="right", color=MUTED)
            axes.barh(top + 29, HALF, 10, color=LINE, alpha=0.55)
            axes.barh(top + 29, HALF * dataset.facts.tokens / most, 10, color=COLOURS[0])
        caption = ", ".join(f"{dataset.name} {compact(dataset.facts.tokens)}" for dataset in story.datasets)
        return inline(figure, "tokens", f"Bar chart of training tokens per dataset: {caption}.")


def mixture_chart(story: Story) -> Markup:
    """Target and realized share of each dataset, a panel for each phase."""
    names = [dataset.name for dataset in story.datasets]
    left = 20 + LETTER * max(map(len, names))
    row, top, bottom = (36 if len(names) <= CROWD else 28), 40, 44
    height = top + row * len(names) + bottom
    widest = max(
        share for phase in story.phases for shares in (phase.target, phase.realized) for share in shares.values()
    )
    places = np.arange(len(names))
    with page_style():
        figure = blank(WIDE, height)
        columns = panels(figure, [1.0] * len(story.phases), left, 12, bottom, top, gap=36)
        for number, (phase, axes) in enumerate(zip(story.phases, columns, strict=True)):
            target = [phase.target.get(name, 0) * 100 for name in names]
            realized = [phase.realized.get(name, 0) * 100 for name in names]
            axes.barh(places - 0.19, target, 0.34, color=PALE)
            axes.barh(places + 0.19, realized, 0.34, color=_phase_colour(number))
            axes.set(xlim=(0, widest * 108), ylim=(len(names) - 0.4, -0.6))
            axes.set_title(phase.name, loc="left", weight="bold", size=13.5, color=INK, pad=14)
            axes.set_yticks(places, names if number == 0 else [""] * len(names), color=INK)
            axes.xaxis.set_major_locator(MaxNLocator(5))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} %"))
            axes.grid(visible=False, axis="y")
            axes.spines["left"].set_visible(False)
        caption = "; ".join(
            f"{phase.name}: " + ", ".join(f"{name} {phase.realized.get(name, 0):.1%}" for name in names)
            for phase in story.phases
        )
        return inline(figure, "mixture", f"Bar chart of target and realized shares. Realized, {caption}.")


def training_chart(story: Story) -> Markup:
    """Training loss, validation losses and learning rate over tokens: a row each, and a column for each phase."""
    names = [dataset.name for dataset in story.datasets]
    rows = [250.0, max(210.0, LABEL_HEIGHT * len(names) + 20.0), 100.0]
    left, right, top, bottom, gap = 76.0, 46 + LETTER * 0.9 * max(map(len, names)), 52.0, 44.0, 30.0
    height = top + sum(rows) + 2 * gap + bottom
    shares = _column_shares(story.phases, WIDE - left - right)
    with page_style():
        figure = blank(WIDE, height)
        y, grid = top, []
        for row in rows:
            grid.append(panels(figure, shares, left, right, height - y - row, y, gap=10))
            y += row + gap
        losses, validation, rates = grid
        for number, phase in enumerate(story.phases):
            colour = _phase_colour(number)
            column = [losses[number], validation[number], rates[number]]
            _frame(column, phase, colour)
            x, loss = _thinned(*_joined(phase.segments, "loss"))
            losses[number].plot(x, loss, color=colour, linewidth=1.4)
            x, learning_rate = _joined(phase.segments, "learning_rate")
            rates[number].plot(*_thinned(x, learning_rate), color=colour)
            for place, name in enumerate(names):
                _validation(validation[number], phase, name, place)
        _same_scale(losses)
        _same_scale(validation)
        _same_scale(rates, floor=0)
        for axes, label in (
            (losses[0], "training loss"),
            (validation[0], "validation loss"),
            (rates[0], "learning rate"),
        ):
            axes.set_ylabel(label)
            axes.yaxis.set_label_coords(-62 / _width_of(axes), 0.5)
        for axes in rates:
            axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: rate(value)))
            axes.yaxis.set_major_locator(MaxNLocator(3))
        _name_datasets(validation[-1], rows[1], story, names)
        figure.text(left / WIDE, 8 / height, "tokens trained on", color=MUTED)
        caption = (
            f"Training loss goes from {story.segments[0].facts.loss.first:.2f} to {story.last.facts.loss.last:.2f}"
        )
        return inline(
            figure,
            "training",
            f"{caption} over {compact(story.last.last_token)} tokens in {many(len(shares), 'phase')}.",
        )


def spread(centres: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Places nearest to the centres, at least gap apart and, if there is room, between low and high; same order."""
    order = sorted(range(len(centres)), key=lambda number: centres[number])
    places = [0.0] * len(centres)
    limit = low
    for number in order:
        places[number] = limit = max(centres[number], limit)
        limit += gap
    limit = high
    for number in reversed(order):
        places[number] = limit = min(places[number], limit)
        limit -= gap
    return places


def _column_shares(phases: Sequence[PhaseSummary], room: float) -> list[float]:
    """Shares of the room: as much for every phase as it needs to be seen, the rest by tokens."""
    total = sum(phase.tokens for phase in phases)
    least = min(NARROWEST_PHASE / room, 1 / len(phases))
    return [least + (1 - least * len(phases)) * phase.tokens / total for phase in phases]


def _frame(column: Sequence[Axes], phase: PhaseSummary, colour: str) -> None:
    """A phase's column: its tint, its name, its segments' ends, its scale of tokens."""
    for axes in column:
        axes.set_xlim(phase.first_token, phase.last_token)
        axes.axvspan(phase.first_token, phase.last_token, color=colour, alpha=0.07, linewidth=0)
        axes.spines["left"].set_visible(False)
        for segment in phase.segments:
            axes.axvline(segment.last_token, color=MUTED, linewidth=0.8, alpha=0.7)
        axes.xaxis.set_major_locator(MaxNLocator(max(1, int(_width_of(axes) / 90)), steps=[1, 2, 2.5, 5, 10]))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))
        axes.tick_params(axis="x", labelbottom=axes is column[-1], length=4 if axes is column[-1] else 0)
    head = column[0]
    head.annotate(phase.name, (0, 1), (0, 27), "axes fraction", "offset points", weight="bold", size=13.5)
    head.annotate(f"{compact(phase.tokens)} tokens", (0, 1), (0, 10), "axes fraction", "offset points", color=MUTED)
    width = _width_of(head)
    named = phase.segments[:: -max(1, math.ceil(len(phase.segments) * SEGMENT_LABEL / width))]
    ends = [width * (segment.last_token - phase.first_token) / phase.tokens for segment in named]
    for segment, end in zip(named, spread(ends, SEGMENT_LABEL, SEGMENT_LABEL, width), strict=True):
        label = head.annotate(
            segment.facts.segment, (0, 1), (end - 3, -6), "axes fraction", "offset points", rotation=90
        )
        label.set(ha="right", va="top", size=11, color=MUTED)


def _validation(axes: Axes, phase: PhaseSummary, name: str, place: int) -> None:
    """A dataset's validation losses in a phase; joined where they were measured at the same sequence length."""
    colour, marker = _dataset_style(place)
    lines: dict[int, list[tuple[float, float]]] = {}
    for segment in phase.segments:
        for when, token in (("before", segment.first_token), ("after", segment.last_token)):
            if name in segment.facts.validation.get(when, {}):
                lines.setdefault(segment.length, []).append((token, segment.facts.validation[when][name]))
    for length, points in lines.items():
        x, y = zip(*points, strict=True)
        axes.plot(x, y, color=colour, linewidth=1.4, linestyle=_dashes(place))
        fill = colour if length == phase.segments[0].length else CARD
        axes.plot(
            x, y, marker, color=colour, markerfacecolor=fill, markersize=_marker_size(place), clip_on=False, zorder=4
        )


def _name_datasets(axes: Axes, height: float, story: Story, names: Sequence[str]) -> None:
    """Names beside the last panel, each level with its last loss as far as there is room. height: of the panel."""
    low, high = axes.get_ylim()
    last = {name: phase.after[name] for phase in story.phases for name in phase.after}
    known = [name for name in names if name in last]
    scale = (high - low) / height
    places = spread([last[name] for name in known], LABEL_HEIGHT * scale, low + 6 * scale, high - 6 * scale)
    for name, place in zip(known, places, strict=True):
        colour, marker = _dataset_style(names.index(name))
        at = (1 + 26 / _width_of(axes), place)
        if name in story.phases[-1].after:
            x = np.array([7, 20]) / _width_of(axes) + 1
            axes.plot(
                x, [last[name], place], color=LINE, linewidth=1, clip_on=False, transform=axes.get_yaxis_transform()
            )
        axes.plot(
            *at,
            marker,
            color=colour,
            markersize=_marker_size(names.index(name)),
            clip_on=False,
            transform=axes.get_yaxis_transform(),
        )
        axes.annotate(
            name,
            at,
            (9, 0),
            axes.get_yaxis_transform(),
            "offset points",
            va="center_baseline",
            size=11.5,
            annotation_clip=False,
        )


def _joined(segments: Sequence[SegmentSummary], what: str) -> tuple[Series, Series]:
    """Tokens, and a measurement after as many, over all steps of the segments; shape [steps] each."""
    tokens = np.concatenate([segment.metrics.tokens for segment in segments])
    return tokens, np.concatenate([getattr(segment.metrics, what) for segment in segments])


def _thinned(x: Series, y: Series) -> tuple[Series, Series]:
    """Means of as many neighbours as it takes to come down to MOST_POINTS."""
    if len(x) <= MOST_POINTS:
        return x, y
    starts = np.linspace(0, len(x), MOST_POINTS, endpoint=False).astype(int)
    counts = np.diff([*starts, len(x)])
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts


def _same_scale(row: Sequence[Axes], floor: float | None = None) -> None:
    """One scale of y for a row of panels; only the first shows it."""
    low = min(axes.get_ylim()[0] for axes in row) if floor is None else floor
    high = max(axes.get_ylim()[1] for axes in row)
    for axes in row:
        axes.set_ylim(low, high)
        axes.tick_params(axis="y", labelleft=axes is row[0])


def _width_of(axes: Axes) -> float:
    return float(axes.get_position().width * WIDE)


def _phase_colour(number: int) -> str:
    return COLOURS[number % len(COLOURS)]


def _dataset_style(place: int) -> tuple[str, str]:
    """Colour and marker; together they differ for the first 49 datasets."""
    return COLOURS[place % len(COLOURS)], MARKERS[(place + place // len(COLOURS)) % len(MARKERS)]


def _dashes(place: int) -> tuple[float, tuple[float, float]] | str:
    """The first dataset's line is whole; the others' have gaps that show what they lie on."""
    return "-" if place == 0 else (DASH * place, (DASH, DASH * min(place, 3)))


def _marker_size(place: int) -> float:
    """Later ones are drawn above and are smaller: where points coincide, the rim of the lower one shows."""
    return max(4.0, 9.0 - 1.5 * place)
