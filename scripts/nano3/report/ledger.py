"""Every artifact in a line, and the circumstances of all of them together."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nano3.digest import digest_json, short
from nano3.lineage import Receipts
from nano3.report.facts import Dataset, Story
from nano3.report.wording import compact, many

KINDS = {
    "tokenize_shard": "token pair",
    "index_dataset": "dataset index",
    "write_blend": "blend",
    "train_segment": "checkpoint",
    "export_hf": "export",
}


@dataclass(frozen=True)
class Artifact:
    """
    A line of the ledger. anchor: its id in the page. name: what people call it. holds: counts in words. raw,
    raw_digest: the raw file of a token pair, else empty.
    """

    anchor: str
    kind: str
    name: str
    path: str
    content: str
    holds: str
    files: int
    bytes: int
    seconds: float
    raw: str = ""
    raw_digest: str = ""


def artifacts(story: Story) -> list[Artifact]:
    """Dataset indexes, blends, checkpoints and the export, in this order."""
    lines = [
        _artifact(story, each.path, each.name, f"{many(len(each.shards), 'shard')}, {compact(each.tokens)} tokens")
        for each in story.datasets
    ]
    lines += [
        _artifact(story, each.path, each.name, f"{many(len(each.target), 'dataset')}, {many(each.pairs, 'pair')}")
        for each in story.phases
    ]
    lines += [
        _artifact(
            story, each.path, f"{each.phase}/{each.name}", f"{many(each.steps, 'step')}, {compact(each.tokens)} tokens"
        )
        for each in story.segments
    ]
    return [*lines, _artifact(story, story.export, "Hugging Face", f"{compact(story.last.parameters)} parameters")]


def shards(story: Story) -> list[tuple[Dataset, list[Artifact]]]:
    """Token pairs of every dataset."""
    return [(dataset, [_shard(story, path) for path in dataset.shards]) for dataset in story.datasets]


def anchor(path: str) -> str:
    """The id of an artifact's line in the page."""
    return f"artifact-{short(digest_json(path))}"


def circumstances(receipts: Receipts) -> dict[str, Any]:
    """When, where and with what the artifacts were made: sums, extremes, all values that occur, the export's first."""
    runs = [receipt["run"] for receipt in receipts.values()]
    packages: dict[str, set[str]] = {"python": {run["python"] for run in runs}}
    for run in runs:
        for name, version in run["packages"].items():
            packages.setdefault(name, set()).add(version or "unknown")
    return {
        "artifacts": len(runs),
        "seconds": sum(run["seconds"] for run in runs),
        "bytes": sum(output["bytes"] for receipt in receipts.values() for output in receipt["outputs"]),
        "started": min(run["started"] for run in runs),
        "ended": max(run["ended"] for run in runs),
        "hosts": _distinct(run["host"] for run in runs),
        "slurm_jobs": _distinct(run["slurm_job"] for run in runs),
        "commits": _distinct(_commit(run["git"]) for run in runs),
        "packages": {name: sorted(versions) for name, versions in sorted(packages.items())},
    }


def _commit(git: Mapping[str, Any] | None) -> str | None:
    return f"{git['commit']}{'+' if git['dirty'] else ''}" if git else None


def _distinct(values: Iterable[str | None]) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _artifact(story: Story, path: str, name: str, holds: str) -> Artifact:
    receipt = story.receipts[path]
    return Artifact(
        anchor=anchor(path),
        kind=KINDS[receipt["step"]],
        name=name,
        path=path,
        content=receipt["content"],
        holds=holds,
        files=len(receipt["outputs"]),
        bytes=sum(output["bytes"] for output in receipt["outputs"]),
        seconds=receipt["run"]["seconds"],
    )


def _shard(story: Story, path: str) -> Artifact:
    receipt = story.receipts[path]
    raw = next(source for source in receipt["inputs"] if source["kind"] == "file")
    facts = receipt["facts"]
    plain = _artifact(
        story, path, Path(path).stem, f"{compact(facts['tokens'])} tokens, {facts['documents']:,} documents"
    )
    return Artifact(**(vars(plain) | {"raw": raw["path"], "raw_digest": raw["digest"]}))
