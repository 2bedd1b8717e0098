"""
The artifact graph as a picture, left to right: datasets, blends, segments in their order, the export.

A dataset stands for all its shards. A ribbon's width is the share that the dataset has in the blend. All lengths are
CSS pixels, y grows downwards.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from nano3.core.formatting import compact, loss, many, rate
from nano3.drawing.flow import MARGIN, Box, Text, across, box_height, box_width
from nano3.drawing.svg import COLOURS
from nano3.report.facts import DatasetSummary, PhaseSummary, SegmentSummary, Story, mean
from nano3.report.ledger import anchor

HEADING = 40.0
DATASET_GAP, MOST_DATASET_GAP = 12.0, 34.0
SEGMENT_GAP, PHASE_GAP, MOST_PHASE_GAP = 22.0, 44.0, 150.0
RIBBONS = 44.0  # width of all ribbons into a blend together
THINNEST = 0.8


@dataclass(frozen=True)
class Edge:
    """What one artifact takes from another. path: of an SVG path element. arrow: whether it ends in an arrowhead."""

    path: str
    width: float
    colour: int | None = None
    arrow: bool = False


@dataclass(frozen=True)
class ReportPicture:
    """The whole. headings: x and text over each column."""

    width: float
    height: float
    headings: tuple[tuple[float, str], ...]
    edges: tuple[Edge, ...]
    boxes: tuple[Box, ...]


def picture(story: Story) -> ReportPicture:
    """Where everything goes; the widths follow the longest text of a column, the height the longest column."""
    colours = {phase.name: number % len(COLOURS) for number, phase in enumerate(story.phases)}
    count, breaks = len(story.datasets), len(story.phases) - 1
    boxes_height = len(story.segments) * (box_height(3) + SEGMENT_GAP) - (breaks + 1) * SEGMENT_GAP
    least = count * (box_height(2) + DATASET_GAP) - DATASET_GAP
    phase_gap = _between(PHASE_GAP, (least - boxes_height) / max(1, breaks), MOST_PHASE_GAP)
    segments_height = boxes_height + breaks * phase_gap
    gap = _between(DATASET_GAP, (segments_height - count * box_height(2)) / max(1, count - 1), MOST_DATASET_GAP)
    datasets_height = count * (box_height(2) + gap) - gap
    height = max(segments_height, datasets_height)
    between = _between(96.0, height / 6, 230.0)

    y = HEADING + (height - datasets_height) / 2
    datasets = {}
    width = box_width(_dataset_text(dataset) for dataset in story.datasets)
    for dataset in story.datasets:
        title, lines = _dataset_text(dataset)
        datasets[dataset.name] = Box(MARGIN, y, width, box_height(2), title, lines, anchor(dataset.path), stacked=True)
        y += box_height(2) + gap

    blends_x = MARGIN + width + between
    blends_width = box_width(_blend_text(phase) for phase in story.phases)
    segments_x = blends_x + blends_width + 80
    segments_width = box_width(_segment_text(segment) for segment in story.segments)
    blends, segments = {}, []
    y = HEADING + (height - segments_height) / 2
    for phase in story.phases:
        top = y
        for segment in phase.segments:
            title, lines = _segment_text(segment)
            place = (segments_x, y, segments_width, box_height(3))
            segments.append(Box(*place, title, lines, anchor(segment.path), colours[phase.name]))
            y += box_height(3) + SEGMENT_GAP
        middle = (top + y - SEGMENT_GAP) / 2
        title, lines = _blend_text(phase)
        place = (blends_x, middle - box_height(2) / 2, blends_width, box_height(2))
        blends[phase.name] = Box(*place, title, lines, anchor(phase.path), colours[phase.name])
        y += phase_gap - SEGMENT_GAP

    title, lines = _export_text(story)
    export_x = segments_x + segments_width + 64
    place = (export_x, segments[-1].y, box_width([(title, lines)]), box_height(1 + len(lines)))
    export = Box(*place, title, lines, anchor(story.export))

    edges = [*_ribbons(story.phases, datasets, blends)]
    phase_names = [segment.phase for segment in story.segments]
    for name, box in zip(phase_names, segments, strict=True):
        source = blends[name]
        edges.append(Edge(across(source.right, source.middle, box.x, box.middle), 2.0, colours[name]))
    for before, after in pairwise(segments):
        x = before.x + before.width / 2
        edges.append(Edge(f"M{x:.1f} {before.bottom:.1f}V{after.y - 3:.1f}", 1.6, arrow=True))
    last = segments[-1]
    edges.append(Edge(across(last.right, last.middle, export.x - 3, export.middle), 1.6, arrow=True))

    headings = ((MARGIN, "Datasets"), (blends_x, "Blends"), (segments_x, "Segments"), (export_x, "Export"))
    boxes = (*datasets.values(), *blends.values(), *segments, export)
    return ReportPicture(export.right + MARGIN, HEADING + height + MARGIN + 6, headings, tuple(edges), boxes)


def _dataset_text(dataset: DatasetSummary) -> Text:
    shards = many(dataset.fold.shards, "shard")
    return dataset.name, (f"{shards} → {compact(dataset.tokens)} tokens · {compact(dataset.documents)} documents",)


def _blend_text(phase: PhaseSummary) -> Text:
    return phase.name, (f"{many(len(phase.target), 'dataset')} · {many(phase.pairs, 'pair')}",)


def _segment_text(segment: SegmentSummary) -> Text:
    return f"{segment.phase}/{segment.name}", (
        f"{many(segment.steps, 'step')} · {compact(segment.tokens)} tokens",
        f"validation loss {loss(mean(segment.validation['after']))} at {segment.sequence_length:,}",
    )


def _export_text(story: Story) -> Text:
    difference = f"logits within {rate(story.logits.largest_difference)}"
    return "Hugging Face", (f"{compact(story.last.parameters)} parameters", difference)


def _between(least: float, wanted: float, most: float) -> float:
    return min(most, max(least, wanted))


def _ribbons(phases: Sequence[PhaseSummary], datasets: Mapping[str, Box], blends: Mapping[str, Box]) -> list[Edge]:
    """Shares of the datasets in the blends, side by side where they leave and where they arrive."""
    widths = {
        (dataset, phase.name): RIBBONS * phase.target.get(dataset, 0.0) for phase in phases for dataset in datasets
    }
    leaving = {
        dataset: box.middle - sum(widths[dataset, phase.name] for phase in phases) / 2
        for dataset, box in datasets.items()
    }
    edges = []
    for number, phase in enumerate(phases):
        blend = blends[phase.name]
        arriving = blend.middle - sum(widths[dataset, phase.name] for dataset in datasets) / 2
        for dataset, box in datasets.items():
            width = widths[dataset, phase.name]
            if width > 0:
                path = across(box.right, leaving[dataset] + width / 2, blend.x, arriving + width / 2)
                edges.append(Edge(path, max(THINNEST, width), number % len(COLOURS)))
            leaving[dataset] += width
            arriving += width
    return edges
