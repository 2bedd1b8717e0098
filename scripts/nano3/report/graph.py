"""
The artifact graph as a picture, left to right: datasets, blends, segments in their order, the export.

A dataset stands for all its shards. A ribbon is as wide as the share that the dataset has in the blend.
"""

from collections.abc import Iterable
from itertools import pairwise

from nano3.core.formatting import compact, loss, many, rate
from nano3.drawing import flow
from nano3.drawing.flow import Box, Column, Edge
from nano3.drawing.svg import COLOURS
from nano3.report.artifacts import anchor
from nano3.report.facts import DatasetSummary, PhaseSummary, SegmentSummary, Story, mean

RIBBONS = 44.0  # width of all ribbons into a blend together
THINNEST = 0.8


def picture(story: Story) -> flow.Picture:
    """The boxes and edges of a report, placed. Their keys are paths of receipts."""
    colours = {phase.name: number % len(COLOURS) for number, phase in enumerate(story.phases)}
    segments = Column(
        "Segments",
        [{each.path: _segment(each, colours[phase.name]) for each in phase.segments} for phase in story.phases],
        (44.0, 150.0),
    )
    columns = (
        Column("Datasets", [{each.path: _dataset(each)} for each in story.datasets], (12.0, 34.0)),
        Column("Blends", [{each.path: _blend(each, colours[each.name])} for each in story.phases], beside=segments),
        segments,
        Column("Export", [{story.export: _export(story)}], level=segments),
    )
    order = [*(segment.path for segment in story.segments), story.export]
    edges = [
        *_ribbons(story),
        *(
            Edge(phase.path, segment.path, width=2.0, colour=colours[phase.name], arrow=False)
            for phase in story.phases
            for segment in phase.segments
        ),
        *(Edge(before, after) for before, after in pairwise(order)),
    ]
    return flow.picture(columns, edges)


def _dataset(dataset: DatasetSummary) -> Box:
    shards = many(dataset.fold.shards, "shard")
    line = f"{shards} → {compact(dataset.facts.tokens)} tokens · {compact(dataset.facts.documents)} documents"
    return Box(dataset.name, (line,), anchor=anchor(dataset.path), stacked=True)


def _blend(phase: PhaseSummary, colour: int) -> Box:
    line = f"{many(len(phase.target), 'dataset')} · {many(phase.pairs, 'pair')}"
    return Box(phase.name, (line,), anchor=anchor(phase.path), colour=colour)


def _segment(segment: SegmentSummary, colour: int) -> Box:
    measured = mean(segment.facts.validation["after"])
    lines = (
        f"{many(segment.steps, 'step')} · {compact(segment.facts.tokens)} tokens",
        "no validation loss" if measured is None else f"validation loss {loss(measured)} at {segment.length:,}",
    )
    return Box(segment.name, lines, anchor=anchor(segment.path), colour=colour)


def _export(story: Story) -> Box:
    difference = f"logits within {rate(story.logits.largest_difference)}"
    lines = (f"{compact(story.last.facts.parameters)} parameters", difference)
    return Box("Hugging Face", lines, anchor=anchor(story.export))


def _ribbons(story: Story) -> Iterable[Edge[str]]:
    """Shares of the datasets in the blends, side by side where they leave and where they arrive."""
    leaves = {
        dataset.name: -RIBBONS / 2 * sum(phase.target.get(dataset.name, 0.0) for phase in story.phases)
        for dataset in story.datasets
    }
    for number, phase in enumerate(story.phases):
        arrives = -RIBBONS / 2 * sum(phase.target.get(each.name, 0.0) for each in story.datasets)
        for dataset in story.datasets:
            width = RIBBONS * phase.target.get(dataset.name, 0.0)
            if width > 0:
                yield Edge(
                    dataset.path,
                    phase.path,
                    width=max(THINNEST, width),
                    colour=number % len(COLOURS),
                    arrow=False,
                    leaves=leaves[dataset.name] + width / 2,
                    arrives=arrives + width / 2,
                )
            leaves[dataset.name] += width
            arrives += width
