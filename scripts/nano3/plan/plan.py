"""The plan of a recipe: what would be made if `snakemake` were typed now, why, and what it would cost."""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nano3 import Nano3Error
from nano3.artifact.steps import IndexCacheReceipt
from nano3.config.checks import require_pins
from nano3.config.load import Settings, load_recipe
from nano3.core.schema import did_you_mean
from nano3.corpus.freshness import shard_reason
from nano3.graph import judge
from nano3.graph.nodes import Cause, Certainty, Node, ancestors, causes, settle
from nano3.graph.request import Request
from nano3.graph.state import State, bundles, read_state, refusal, refusals, shortage, trains
from nano3.plan import remarks
from nano3.plan.estimate import Estimate, estimate
from nano3.sampling.sufficiency import Shortage

# Words of every view of a plan: kinds of artifacts, one and many, and the states that Counts counts.
KINDS = {
    "tokens": ("token pair", "token pairs"),
    "index": ("dataset index", "dataset indexes"),
    "blend": ("blend", "blends"),
    "cache": ("index cache", "index caches"),
    "segment": ("segment", "segments"),
    **{kind: (kind, kind) for kind in ("export", "lineage", "report")},
}
STATES = {
    "fresh": "fresh",
    "stale": "will be made again",
    "new": "will be made",
    "conditional": "if bytes change",
    "unneeded": "missing, not needed",
}
EXAMPLES = 5  # names of shards in --json, of each dataset and reason


class PlanError(Nano3Error):
    """A plan is asked for something that the recipe does not have."""


@dataclass(frozen=True)
class Counts:
    """
    How many artifacts of a kind are fresh; stale, so they will be made again; new, so they will be made; conditional:
    made again if a blend's bytes change; unneeded: not there, and nothing that runs asks for them.
    """

    total: int = 0
    fresh: int = 0
    stale: int = 0
    new: int = 0
    conditional: int = 0
    unneeded: int = 0

    @classmethod
    def of(cls, node: Node) -> "Counts":
        """Those of one node."""
        conditional = node.made if node.runs == Certainty.IF else 0
        absent = 0 if conditional else node.missing
        stale = node.made - node.missing if node.runs == Certainty.WILL else 0
        new, unneeded = (absent, 0) if node.runs else (0, absent)
        return cls(node.total, node.total - stale - absent - conditional, stale, new, conditional, unneeded)

    def __add__(self, other: "Counts") -> "Counts":
        mine, others = asdict(self), asdict(other)
        return Counts(**{name: mine[name] + others[name] for name in mine})

    @property
    def will(self) -> int:
        """How many will be made."""
        return self.stale + self.new


@dataclass(frozen=True)
class Plan:
    """
    What would be made. what_if: edits of the recipe it was asked for. nodes: settled, sources first. jobs: of
    tokenizing, where bundles of shards are one. refused: frozen phases that would be trained, and how certainly.
    shortages: by phase, the sets that are shorter than a sample, as far as the indexes that stay tell.
    """

    state: State
    what_if: Mapping[str, Any]
    nodes: Sequence[Node]
    causes: Sequence[Cause]
    estimate: Estimate
    jobs: int
    refused: Mapping[str, Certainty]
    shortages: Mapping[str, Shortage]

    @property
    def stopped(self) -> dict[str, Certainty]:
        """Phases that a set is too short for, and how certainly their blend would be made or a segment trained."""
        runs = dict.fromkeys((phase for phase, short in self.shortages.items() if short.error), Certainty.NO)
        for node in self.nodes:
            phase = node.name.split("/")[0]
            if node.kind in ("blend", "segment") and phase in runs:
                runs[phase] = max(runs[phase], trains(node) if node.kind == "segment" else node.runs)
        return {phase: how for phase, how in runs.items() if how}

    @property
    def frozen(self) -> list[str]:
        """Why phases are not trained that are frozen and would be for certain, as snakemake says it."""
        found = {}
        for phase in [phase for phase, how in self.refused.items() if how == Certainty.WILL]:
            nodes = [node for node in self.nodes if node.kind == "segment" and node.name.split("/")[0] == phase]
            name = next(node.name for node in nodes if trains(node) == Certainty.WILL)
            place = (phase, name.split("/")[1])
            found[phase] = refusal(self.state.request, place, self.state.specs[place], self.state.moved)
        return [*found.values()]

    @property
    def counts(self) -> dict[str, Counts]:
        """Of every kind that the targets need."""
        sums: dict[str, Counts] = {}
        for node in self.nodes:
            sums[node.kind] = sums.get(node.kind, Counts()) + Counts.of(node)
        return sums

    @property
    def certified(self) -> dict[str, int]:
        """How many shards are fresh because the code that made them is certified, by its digest."""
        sums: Counter[str] = Counter()
        for dataset in self.state.surveys.values():
            sums.update(dataset.certified)
        return dict(sums)

    @property
    def datasets(self) -> list[str]:
        """Datasets that the targets need."""
        return [node.name for node in self.nodes if node.kind == "index"]

    @cached_property
    def unpinned(self) -> list[str]:
        """A sentence for each dataset whose folder has files that match and are not pinned."""
        return remarks.unpinned(self.state.request, self.datasets)

    @cached_property
    def gone(self) -> dict[str, list[str]]:
        """Local raw files that are not there, though tokens will be made of them, by dataset."""
        return remarks.gone(self.state.request, self.nodes)

    @cached_property
    def slow_engine(self) -> str | None:
        """Why tokens will be made by Hugging Face's tokenizers, as a clause; None if they will not."""
        return remarks.slow_engine(self.state.request) if remarks.to_tokenize(self.nodes) else None

    @property
    def dropped(self) -> list[str]:
        """A sentence for each dataset that has rows in no pair, as it is indexed now."""
        return remarks.dropped(self.state.request, self.datasets)

    @property
    def skipped(self) -> dict[str, dict[int, int]]:
        """Tokens of each dataset's epoch that are in no sample, by tokens of a sample; from index caches that stay."""
        skipped: dict[str, dict[int, int]] = {}
        for phase in [node.name for node in self.nodes if node.kind == "cache" and not node.runs]:
            cache = judge.read(self.state.request.paths.index_cache(phase), IndexCacheReceipt)
            for dataset, tokens in cache.facts.skipped.items() if cache else ():
                skipped.setdefault(dataset, {}).update(tokens)
        return skipped

    @property
    def tokens(self) -> dict[str, int]:
        """Tokens of each dataset whose index is there."""
        request = self.state.request
        heads = {dataset: judge.read_index(request.paths.index(dataset)) for dataset in request.datasets}
        return {dataset: head.facts.tokens for dataset, head in heads.items() if head}

    @property
    def empty(self) -> bool:
        """Whether nothing would be made."""
        return not any(node.runs for node in self.nodes)


def make_plan(settings: Settings, what_if: Mapping[str, Any], targets: Sequence[str], jobs: int | None = None) -> Plan:
    """
    The plan of a recipe, as Snakemake would decide with the same settings.

    what_if: values of the recipe's file by dotted key, as if they stood there. targets: datasets, phases, segments or
    paths of artifacts; none: lineage, report and all they stand on. jobs: at a time; by default one per core.
    Raises ConfigError as Snakemake would, PlanError for a target that the recipe does not have.
    """
    name, recipe = load_recipe(settings.recipe, settings.set, settings.sample, edits=what_if)
    require_pins(settings.recipe, recipe)
    state = read_state(Request.of(name, recipe))
    wanted = [_target(state, target) for target in targets] or state.nodes[-2:]
    needed = ancestors(wanted)
    nodes = [node for node in [*(node for node in wanted if node not in state.nodes), *state.nodes] if node in needed]
    settle(nodes, wanted)
    cost = estimate(state, nodes, jobs or os.cpu_count() or 1)
    refused: dict[str, Certainty] = {}
    for node, how in refusals(nodes, state.request, settings.thaw.split()).items():
        phase = node.name.split("/")[0]
        refused[phase] = max(how, refused.get(phase, how))
    most = settings.bundles if settings.prune else 0
    jobs_of_tokenizing = _jobs(state, nodes, most)
    return Plan(state, what_if, nodes, causes(nodes), cost, jobs_of_tokenizing, refused, _shortages(state, nodes))


def _shortages(state: State, nodes: Sequence[Node]) -> dict[str, Shortage]:
    """By phase, the sets that are shorter than a sample. nodes: settled."""

    def rests(dataset: str) -> bool:
        index = state.node("index", dataset)
        return not index.runs and not index.absent

    phases = [node.name for node in nodes if node.kind == "blend"]
    known = {phase: shortage(state.request, phase, rests) for phase in phases}
    return {phase: short for phase, short in known.items() if short and (short.train or short.valid)}


def _target(state: State, word: str) -> Node:
    """The node that a word of the command line means; for a single shard one of its own."""
    request = state.request
    names = {dataset: ("index", dataset) for dataset in request.datasets}
    for phase, section in request.recipe.phases.items():
        names |= {f"{phase}/{segment}": ("segment", f"{phase}/{segment}") for segment in section.all_segments}
        names[phase] = ("segment", f"{phase}/{[*section.all_segments][-1]}")
    names |= {kind: (kind, request.name) for kind in ("export", "lineage", "report")}
    if word in names:
        return state.node(*names[word])
    if found := _at_path(state, Path(word)):
        return found
    listing = f"name one of {', '.join(names)}, a path that it builds, or another recipe with --recipe"
    raise PlanError(f"{word}: recipe {request.name} makes no such thing; {did_you_mean(word, names, listing)}")


def _at_path(state: State, path: Path) -> Node | None:
    """The node of an artifact's path, by the folder that it lies in."""
    request, paths = state.request, state.request.paths
    folders = {
        "tokens": paths.tokens,
        "blends": paths.blends,
        "checkpoints": paths.checkpoints,
        "export": paths.export,
        "report": paths.report,
    }
    for kind, folder in folders.items():
        if path.is_relative_to(folder):
            below = path.relative_to(folder).parts
            first = below[0] if below else ""
            if kind == "tokens" and first in request.datasets:
                shard = path.stem if len(below) == 3 else None
                if shard is None or shard in request.shards[first]:
                    return _one_shard(state, first, shard) if shard else state.node("index", first)
            if kind == "blends" and first in request.recipe.phases:
                cache = str(path) == paths.index_cache(first)
                return state.node("cache" if cache else "blend", first)
            if kind == "checkpoints" and below[:2] in request.places:
                return state.node("segment", "/".join(below[:2]))
            if kind in ("export", "report"):
                return state.node("lineage" if str(path) in paths.lineage_files else kind, request.name)
    return None


def _one_shard(state: State, dataset: str, name: str) -> Node:
    """A shard alone, without the others of its dataset."""
    request = state.request
    reason = shard_reason(request.tokens(dataset), name, request.shard_key(dataset, name))
    whole = state.node("tokens", dataset)
    absent = {why: [name] for why, names in whole.absent.items() if name in names}
    return Node("tokens", dataset, 1, {} if absent or not reason else {reason: [name]}, absent)


def _jobs(state: State, nodes: Sequence[Node], most: int) -> int:
    """Jobs that the shards to tokenize make, as the rules bundle them. most: bundles of all; 0: none."""
    running = [node for node in nodes if node.kind == "tokens" and node.runs]
    bundled = bundles(state.request, state.surveys, most) if running else {}
    return sum(len(bundled[node.name]) if node in state.nodes and bundled[node.name] else node.made for node in running)


def as_json(plan: Plan, sentences: Sequence[str]) -> dict[str, Any]:
    """
    The plan as a value, for other programs. Fields are added, never renamed.

    recipe: name of the artifacts. what_if: edits by dotted key. kinds: by kind the fields of Counts. jobs: of
    tokenizing. unpinned, dropped: sentences on datasets with files that are not pinned, and with rows that are in no
    pair. gone: by dataset, how many raw files are not there that have to be tokenized, and the first few. slow_engine:
    why Hugging Face's tokenizers will encode, or null. certified: shards that are fresh by certificate, by digest of
    the code that made them. refused: frozen phases by how certainly they would be trained, "will" or "if". shortages:
    by phase, the tokens of training and of validation sets that are shorter than a sample, by tokens of a sequence and
    dataset, and whether snakemake stops for them. skipped: tokens of an epoch that are in no sample, by dataset and
    tokens of a sequence.
    causes: kind, reason, sentence, certain and conditional (names of what follows, as kind:name), and artifacts, by
    dataset, phase, segment or recipe how many and the first few names.
    estimate: tokenizing, training and perhaps (training that may follow) with the fields of estimate.Tokenizing and
    .Training or null; jobs at a time; and seconds until all is done that is certain and that is possible, null where
    nothing was measured.
    """
    cost = plan.estimate
    return {
        "recipe": plan.state.request.name,
        "what_if": dict(plan.what_if),
        "kinds": {kind: asdict(counts) for kind, counts in plan.counts.items()},
        "jobs": plan.jobs,
        "unpinned": plan.unpinned,
        "dropped": plan.dropped,
        "gone": {name: {"count": len(files), "first": files[:EXAMPLES]} for name, files in plan.gone.items()},
        "slow_engine": plan.slow_engine,
        "certified": plan.certified,
        "refused": {phase: how.name.lower() for phase, how in plan.refused.items()},
        "shortages": {
            phase: {"train": short.train, "valid": short.valid, "stops": phase in plan.stopped}
            for phase, short in plan.shortages.items()
        },
        "skipped": plan.skipped,
        "causes": [
            {
                "kind": cause.kind,
                "reason": cause.reason,
                "sentence": sentence,
                "artifacts": {
                    name: {"count": len(names), "first": list(names[:EXAMPLES])} for name, names in cause.names.items()
                },
                "certain": _named(cause, Certainty.WILL),
                "conditional": _named(cause, Certainty.IF),
            }
            for cause, sentence in zip(plan.causes, sentences, strict=True)
        ],
        "estimate": {
            "tokenizing": asdict(cost.tokenizing) if cost.tokenizing else None,
            "training": asdict(cost.training) if cost.training else None,
            "perhaps": asdict(cost.perhaps) if cost.perhaps else None,
            "jobs": cost.jobs,
            "seconds": {"certain": cost.wall(Certainty.WILL), "possible": cost.wall(Certainty.IF)},
        },
    }


def _named(cause: Cause, certainty: Certainty) -> list[str]:
    return [f"{node.kind}:{node.name}" for node, how in cause.follows.items() if how == certainty]
