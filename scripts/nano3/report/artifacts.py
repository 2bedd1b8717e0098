"""Which artifacts is a report about? A row for each, and the circumstances of all of them together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from nano3.artifact.digest import digest_json, short
from nano3.core.formatting import compact, many
from nano3.report.facts import Story

KINDS = {
    "tokenize_shard": "token pair",
    "index_dataset": "dataset index",
    "write_blend": "blend",
    "train_segment": "checkpoint",
    "export_hf": "export",
}


@dataclass(frozen=True)
class ArtifactRow:
    """A line of the table. anchor: its id in the page. name: what people call it. holds: counts in words."""

    anchor: str
    kind: str
    name: str
    path: str
    content: str
    holds: str
    files: int
    bytes: int
    seconds: float


def rows(story: Story) -> list[ArtifactRow]:
    """Dataset indexes, blends, checkpoints and the export, in this order."""
    datasets = (
        (each.path, each.name, f"{many(each.fold.shards, 'shard')}, {compact(each.facts.tokens)} tokens")
        for each in story.datasets
    )
    blends = (
        (each.path, each.name, f"{many(len(each.target), 'dataset')}, {many(each.pairs, 'pair')}")
        for each in story.phases
    )
    segments = (
        (each.path, each.name, f"{many(each.steps, 'step')}, {compact(each.facts.tokens)} tokens")
        for each in story.segments
    )
    export = (story.export, "Hugging Face", f"{compact(story.last.facts.parameters)} parameters")
    return [_row(story, *each) for each in (*datasets, *blends, *segments, export)]


def anchor(path: str) -> str:
    """The id of an artifact's line in the page."""
    return f"artifact-{short(digest_json(path))}"


def circumstances(story: Story, agents: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """
    When, where and with what the artifacts were made: sums, extremes, all values that occur, the export's first.

    agents: of the lineage, for the software of token pairs.
    """
    runs = [receipt.run for receipt in story.receipts.values()]
    folds = [dataset.fold for dataset in story.datasets]
    software = list(agents)
    versions = (version.rpartition(" ") for agent in software for version in agent["nano3:version"])
    packages: dict[str, set[str]] = {}
    for name, _, version in versions:
        packages.setdefault(name, set()).add(version)
    commits = (f"{agent['nano3:commit']}{'+' * agent['nano3:dirty']}" for agent in software if "nano3:commit" in agent)
    outputs = (output.bytes for receipt in story.receipts.values() for output in receipt.outputs)
    return {
        "artifacts": len(runs) + story.raw_shards,
        "seconds": sum(run.seconds for run in runs) + sum(fold.seconds for fold in folds),
        "processor_seconds": sum(run.processor_seconds for run in runs) + sum(fold.processor_seconds for fold in folds),
        "bytes": sum(outputs) + sum(fold.bytes for fold in folds),
        "started": min([*(run.started for run in runs), *(fold.started for fold in folds)]),
        "ended": max(run.ended for run in runs),
        "hosts": _distinct([*(run.host for run in runs), *(host for fold in folds for host in sorted(fold.hosts))]),
        "slurm_jobs": _distinct(run.slurm_job for run in runs),
        "containers": _distinct(agent.get("nano3:container") for agent in software),
        "commits": _distinct(commits),
        "packages": {name: sorted(found) for name, found in sorted(packages.items())},
    }


def _distinct(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _row(story: Story, path: str, name: str, holds: str) -> ArtifactRow:
    receipt = story.receipts[path]
    return ArtifactRow(
        anchor=anchor(path),
        kind=KINDS[receipt.step],
        name=name,
        path=path,
        content=receipt.content,
        holds=holds,
        files=len(receipt.outputs),
        bytes=sum(output.bytes for output in receipt.outputs),
        seconds=receipt.run.seconds,
    )
