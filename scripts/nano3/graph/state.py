"""
What is there, compared with what is asked for: every artifact's receipt against today's key.

Keys are those that the rules build by, see nano3.graph.keys; a dataset's shards are judged as the rules judge them, see
nano3.corpus.freshness. Receipts' own times tell what was made after what, so a touched or copied file is no reason.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nano3.artifact.digest import differences
from nano3.artifact.paths import Folders
from nano3.artifact.receipt import Receipt, ReceiptError, missing_output
from nano3.artifact.steps import (
    BlendReceipt,
    ExportReceipt,
    IndexCacheReceipt,
    IndexReceipt,
    LineageReceipt,
    R,
    ReportReceipt,
    SegmentReceipt,
    ShardReceipt,
    Spec,
    StepReceipt,
    is_damaged,
    read_receipt,
)
from nano3.config.recipe import Recipe
from nano3.corpus.freshness import INDEX_FILES, NEW, Survey, survey
from nano3.graph import keys
from nano3.graph.nodes import Certainty, Node, Source, settle
from nano3.raw.datasets import Dataset, Shard, read_dataset, read_pins, sampled
from nano3.sampling.blend import normalized
from nano3.training.spec import PhaseBlend, scheduled_segments, segment_specs

WORDS = {
    "shards": "the list of shards changed",
    "tokens": "other tokens are asked for",
    "template": "the template changed",
    "segments": "other samples are drawn",
    "data.blend": "its blend changed",
    "data.first_sample": "the phase's segments before it are of another length",
    "before": "another segment was trained before it",
    "earlier": "earlier phases draw something else",
    "numerics_version": "the numerics of training changed",
}
MOST = 3  # reasons told of one artifact
CODE = {
    "index": "indexing code changed",
    "blend": "blending code changed",
    "cache": "index cache code changed",
    "export": "export code changed",
    "lineage": "lineage code changed",
    "report": "reporting code changed",
}
LINEAGE = ("lineage.json", "lineage.receipt.json", "lineage.shards.tsv", "ro-crate-metadata.json", "Snakefile")


@dataclass(frozen=True)
class Asked:
    """What is asked for. name: that its artifacts go by. shards: of each dataset by name, with the rows to take."""

    name: str
    recipe: Recipe
    datasets: Mapping[str, Dataset]
    shards: Mapping[str, Mapping[str, tuple[Shard, int | None]]]

    @classmethod
    def of(cls, name: str, recipe: Recipe) -> "Asked":
        """A recipe with its datasets' pins. Raises ConfigError for a dataset that is not pinned."""
        shards = {}
        for dataset in recipe.datasets:
            taken = sampled(read_pins(dataset), recipe.sample, dataset)
            shards[dataset] = {shard.name: (shard, rows) for shard, rows in taken}
        return cls(name, recipe, {dataset: read_dataset(dataset) for dataset in recipe.datasets}, shards)

    @cached_property
    def folders(self) -> Folders:
        """Where its artifacts lie."""
        return Folders.of(self.name, self.recipe.tokens_name)

    def tokens(self, dataset: str) -> Path:
        """Where a dataset's tokens lie."""
        return Path(self.folders.tokens) / dataset

    def segment(self, phase: str, segment: str) -> Path:
        """Where a segment's receipt lies."""
        return Path(self.folders.checkpoints) / phase / segment / "receipt.json"


@dataclass(frozen=True)
class State:
    """
    The graph as it is, before it is settled. nodes: sources first. specs: of the segments, by phase and segment, where
    a blend that is not there or will be another has the content it had. surveys: of the datasets' tokens.
    """

    asked: Asked
    nodes: Sequence[Node]
    specs: Mapping[tuple[str, str], Spec]
    surveys: Mapping[str, Survey]

    def node(self, kind: str, name: str) -> Node:
        """The node of this kind and name."""
        return next(node for node in self.nodes if (node.kind, node.name) == (kind, name))


def read_state(asked: Asked) -> State:
    """Judge everything that a recipe asks for. Reads a line per shard and a receipt per other artifact."""
    shared = {name: keys.shared_key(asked.recipe, dataset) for name, dataset in asked.datasets.items()}
    surveys = {name: survey(asked.tokens(name), shards, shared[name]) for name, shards in asked.shards.items()}
    tokens = {name: _tokens(asked, name, found, shared[name]) for name, found in surveys.items()}
    indexes = {name: _index(asked, name, found, tokens[name]) for name, found in surveys.items()}
    blends = {phase: _blend(asked, phase, indexes) for phase in asked.recipe.phases}
    early = [*tokens.values(), *indexes.values(), *blends.values()]
    settle(early, [])
    specs = segment_specs(asked.recipe, {phase: _mixed(asked, phase) for phase in blends})
    caches = {phase: _cache(asked, phase, specs, blends) for phase in blends}
    segments: list[Node] = []
    for (phase, segment), spec in specs.items():
        segments.append(_segment(asked, phase, segment, spec, blends, caches, segments))
    return State(
        asked,
        [*early, *caches.values(), *segments, *_ends(asked, [*blends.values(), *caches.values()], segments[-1])],
        specs,
        surveys,
    )


def _tokens(asked: Asked, dataset: str, found: Survey, shared: keys.Key) -> Node:
    node = Node("tokens", dataset, len(asked.shards[dataset]))
    for shard, reason in found.stale.items():
        (node.absent if reason == NEW else node.changed).setdefault(reason, []).append(shard)
    if node.missing == node.total and (other := _other_tokens(asked, dataset, shared)):
        node.absent = {other: node.absent.pop(NEW)}
    return node


def _other_tokens(asked: Asked, dataset: str, shared: keys.Key) -> str | None:
    """Why none of a dataset's tokens are there, if this recipe's blends were made from others that are."""
    for phase in asked.recipe.phases:
        blend = _receipt(_blend_files(asked, phase)[1], BlendReceipt)
        tokens = blend.key["tokens"] if blend else asked.recipe.tokens_name
        folder = Path(asked.folders.tokens).with_name(tokens)
        if folder.name != asked.recipe.tokens_name:
            index = _receipt(folder / dataset / INDEX_FILES[0], IndexReceipt)
            shard = _receipt(index.inputs[0].path, ShardReceipt) if index else None
            if shard:
                made = {name: value for name, value in shard.key.items() if name in shared and name != "code"}
                change = _joined(_words("tokens", made, {name: shared[name] for name in made}))
                return f"{change or 'the sample changed'}; the old tokens stay in {folder}"
    return None


def _index(asked: Asked, dataset: str, found: Survey, tokens: Node) -> Node:
    path, reason = asked.tokens(dataset) / INDEX_FILES[0], None
    receipt = _receipt(path, IndexReceipt)
    if receipt:
        today = keys.index_key(asked.recipe, asked.shards[dataset].values())
        if found.stale:  # the list's digest has the shards' raw bytes, too
            today["shards"] = receipt.key["shards"]
        reason = _joined(_words("index", receipt.key, today)) or (None if found.stale else found.behind)
    return _single("index", dataset, reason, [path], [Source(tokens, Certainty.WILL)])


def _blend(asked: Asked, phase: str, indexes: Mapping[str, Node]) -> Node:
    files = _blend_files(asked, phase)
    receipt, reasons, implied = _receipt(files[1], BlendReceipt), [], False
    datasets = keys.blend_datasets(asked.recipe, phase)
    if receipt:
        reasons = [*_words("blend", receipt.key, keys.blend_key(asked.recipe, phase))]
        used = {source.path: source.digest for source in receipt.inputs}
        for dataset in datasets:
            path = asked.tokens(dataset) / INDEX_FILES[0]
            index = _receipt(path, IndexReceipt)
            if index and str(path) in used and (index.content != used[str(path)] or _later(index, receipt)):
                reasons.append(f"the index of {dataset} was made again")
        implied = reasons == [WORDS["tokens"]]
    sources = [Source(indexes[dataset], Certainty.WILL) for dataset in datasets]
    node = _single("blend", phase, _joined(reasons), files, sources)
    node.implied = implied
    return node


def _cache(asked: Asked, phase: str, specs: Mapping[tuple[str, str], Spec], blends: Mapping[str, Node]) -> Node:
    """
    The index cache of a phase. What it holds of its blend is known only once that is there; of an earlier phase's blend
    it needs only how many samples that draws, which another share may leave as it was.
    """
    files = [Path(asked.folders.blends) / phase / "index_cache.json"]
    receipt, reason = _receipt(files[0], IndexCacheReceipt), None
    if receipt:
        known = not blends[phase].runs and not blends[phase].absent
        was, today = (_drawn(key, known) for key in (dict(receipt.key), keys.index_cache_key(specs, phase)))
        reason = _joined(_words("cache", was, today)) or (
            "files that it names are gone" if missing_output(receipt) else None
        )
    sources = [Source(blends[name], Certainty.IF) for name in list(blends)[: list(blends).index(phase)]]
    sources.append(Source(blends[phase], Certainty.WILL if _share_moved(asked, phase) else Certainty.IF))
    return _single("cache", phase, reason, files, sources)


def _drawn(key: keys.Key, known: bool) -> keys.Key:
    """The key of an index cache without the blend's content, if that is not known."""
    if known:
        return key
    segments = [segment | {"data": {**segment["data"], "blend": ""}} for segment in key["segments"]]
    return key | {"segments": segments}


def _segment(
    asked: Asked,
    phase: str,
    segment: str,
    spec: Spec,
    blends: Mapping[str, Node],
    caches: Mapping[str, Node],
    before: Sequence[Node],
) -> Node:
    path, reason = asked.segment(phase, segment), None
    files = [path, path.with_name("metrics.jsonl")]
    receipt, phases = _receipt(path, SegmentReceipt), list(blends)
    earlier = phases[: phases.index(phase)]
    if receipt:
        was: dict[str, Any] = dict(receipt.key)
        if blends[phase].runs or blends[phase].absent:
            was["data"] = was["data"] | {"blend": spec["data"]["blend"]}
        if any(node.changed or node.runs for node in [*before, *(blends[name] for name in earlier)]):
            was["before"] = spec["before"]
        reason = _joined(_words("segment", was, spec))
        for node in before[-1:]:
            one = _receipt(asked.segment(*node.name.split("/")), SegmentReceipt)
            reason = reason or (WORDS["before"] if one and _later(one, receipt) else None)
    sources = [Source(node, Certainty.WILL) for node in before[-1:]]
    sources += [Source(node, Certainty.NO) for name in earlier for node in (blends[name], caches[name])]
    sources.append(Source(caches[phase], Certainty.NO))
    sources += [Source(blends[phase], Certainty.WILL if _share_moved(asked, phase) else Certainty.IF)]
    return _single("segment", f"{phase}/{segment}", reason, files, sources)


def _share_moved(asked: Asked, phase: str) -> bool:
    """Whether a phase's blend was made with other shares."""
    blend, today = _receipt(_blend_files(asked, phase)[1], BlendReceipt), keys.mixture_decision(asked.recipe, phase)
    return (
        blend is not None
        and "over_cap" not in today
        and normalized(blend.key["mixture"]) != normalized(today["mixture"])
    )


def _ends(asked: Asked, drawn_from: Sequence[Node], last: Node) -> list[Node]:
    """The export of the last segment, its lineage and the report."""
    export, report = Path(asked.folders.export), Path(asked.folders.report)
    places: dict[str, tuple[type[StepReceipt], Mapping[str, Any], list[Path]]] = {
        "export": (
            ExportReceipt,
            keys.export_key(asked.recipe),
            [export / "model", export / "receipt.json", export / "manifest.json"],
        ),
        "lineage": (LineageReceipt, keys.lineage_key(), [report / name for name in LINEAGE]),
        "report": (ReportReceipt, keys.report_key(asked.name), [report / "index.html", report / "report.receipt.json"]),
    }
    nodes: list[Node] = []
    above: list[tuple[Node, StepReceipt | None]] = [
        (last, _receipt(asked.segment(*last.name.split("/")), SegmentReceipt))
    ]
    for kind, (model, key, files) in places.items():
        receipt = _receipt(files[1], model)
        reason = None
        if receipt:
            later = [node.kind for node, source in above if source and _later(source, receipt)]
            reason = _joined(_words(kind, receipt.key, key)) or (f"the {later[0]} was made again" if later else None)
        sources = [Source(node, Certainty.WILL) for node, _ in above]
        sources += [Source(node, Certainty.NO) for node in drawn_from]
        nodes.append(_single(kind, asked.name, reason, files, sources))
        above = [*(above if kind == "lineage" else []), (nodes[-1], receipt)]
    return nodes


def _single(kind: str, name: str, reason: str | None, files: Sequence[Path], sources: list[Source]) -> Node:
    """A node of one artifact. reason: why it is stale, if it is there. files: that it has if it is."""
    node = Node(kind, name, sources=sources)
    if not all(file.exists() for file in files):
        node.absent = {NEW: [name]}
    elif is_damaged(files[0] if kind in ("index", "cache", "segment") else files[1]):
        node.changed = {"its receipt is damaged": [name]}
    elif reason:
        node.changed = {reason: [name]}
    return node


def _blend_files(asked: Asked, phase: str) -> list[Path]:
    folder = Path(asked.folders.blends) / phase
    return [folder / "blend.json", folder / "blend.receipt.json"]


def _mixed(asked: Asked, phase: str) -> PhaseBlend:
    """A phase's blend, or the one that it was trained on; an empty one if nobody knows."""
    if receipt := _receipt(_blend_files(asked, phase)[1], BlendReceipt):
        return PhaseBlend.of(receipt)
    segments = (
        asked.segment(each.phase, each.segment) for each in scheduled_segments(asked.recipe) if each.phase == phase
    )
    data = next((found.key["data"] for path in segments if (found := _receipt(path, SegmentReceipt))), None)
    return PhaseBlend(data["blend"], data["shares"]) if data else PhaseBlend("", {})


def _receipt(path: Path | str, kind: type[R]) -> R | None:
    """A receipt, or None where it is missing, damaged or of another schema."""
    try:
        return read_receipt(path, kind)
    except ReceiptError:
        return None


def _later(source: Receipt[Any, Any], receipt: Receipt[Any, Any]) -> bool:
    """Whether what something was made from was made again since."""
    return bool(source.run.ended > receipt.run.ended)


def _words(kind: str, was: Mapping[str, Any], today: Mapping[str, Any]) -> list[str]:
    """What differs between two keys."""
    said: dict[str, None] = {}
    for name, (before, after) in differences(dict(was), dict(today)).items():
        if name == "code":
            said[CODE[kind]] = None
        elif name.startswith("mixture."):
            said[f"share of {name.removeprefix('mixture.')}: {written(before)} is now {written(after)}"] = None
        elif name.startswith("tokenizer.") and kind == "export":
            said["the tokenizer's files changed"] = None
        elif name.startswith("data.consumed."):
            said[f"what was read of {name.removeprefix('data.consumed.')} before it"] = None
        elif name.startswith("data.shares."):
            said[WORDS["data.blend"]] = None
        else:
            said[WORDS.get(name, f"{name}: {written(before)} is now {written(after)}")] = None
    return list(said)


def _joined(reasons: Sequence[str]) -> str | None:
    """The first reasons in one line; None if there is none."""
    more = [f"and {len(reasons) - MOST} more"] if len(reasons) > MOST else []
    return "; ".join([*reasons[:MOST], *more]) or None


def written(value: Any) -> str:
    """A value as a recipe would write it, if it is short."""
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: "none"}[value]
    if isinstance(value, float):
        return f"{value:g}"
    text = str(value)
    return text if len(text) <= 24 else f"{text[:12]}…"
