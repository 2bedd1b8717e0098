"""
What is there, what is stale, and what would run? The graph of a recipe, judged artifact by artifact.

Verdicts are those that the rules act on, see nano3.graph.judge; here they become nodes of a graph that says what
follows when something is made again. A blend that will be made again has an unknown content until then: what is made
from it is judged by the content that it had, and the rules judge it once more when it is there.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nano3.artifact.steps import BlendReceipt, IndexReceipt, SegmentReceipt, ShardReceipt, Spec
from nano3.config.mixture import MixtureError, resolved
from nano3.core.formatting import listed, many
from nano3.corpus.bundles import Bundle, bundle_bytes, bundle_shards
from nano3.corpus.freshness import NEW, Survey
from nano3.graph import judge, keys, reasons
from nano3.graph.judge import Freshness
from nano3.graph.nodes import Certainty, Node, Source, settle
from nano3.graph.request import Place, Request
from nano3.sampling.sufficiency import Shortage
from nano3.training.spec import OTHER_TOKENS, PhaseBlend, segment_specs, why_trained


@dataclass(frozen=True)
class State:
    """
    The graph as it is, before it is settled. nodes: sources first. specs: of the segments, by phase and segment, where
    a blend that is not there or will be another has the content it had. surveys: of the datasets' tokens. moved: by
    phase, why its blend can't come out as it was, for its datasets hold other tokens; in words, by dataset.
    """

    request: Request
    nodes: Sequence[Node]
    specs: Mapping[Place, Spec]
    surveys: Mapping[str, Survey]
    moved: Mapping[str, Mapping[str, str]]

    def node(self, kind: str, name: str) -> Node:
        """The node of this kind and name."""
        return next(node for node in self.nodes if (node.kind, node.name) == (kind, name))


def read_state(request: Request, surveyed: Callable[[str], Survey] | None = None) -> State:
    """
    Judge everything that a recipe asks for. Reads a line per shard and a receipt per other artifact.

    surveyed: the shards of a dataset, where somebody has judged them already.
    """
    survey = surveyed or (lambda dataset: judge.judge_tokens(request, dataset))
    surveys = {dataset: survey(dataset) for dataset in request.datasets}
    tokens = {dataset: _tokens(request, dataset, survey) for dataset, survey in surveys.items()}
    indexes = {
        dataset: _single(
            "index", dataset, judge.judge_index(request, dataset, survey), [Source(tokens[dataset], Certainty.WILL)]
        )
        for dataset, survey in surveys.items()
    }
    blends = {phase: _blend(request, phase, indexes, surveys) for phase in request.recipe.phases}
    early = [*tokens.values(), *indexes.values(), *blends.values()]
    settle(early, [])
    specs = segment_specs(request.recipe, {phase: _blend_before(request, phase) for phase in blends})
    moved = {phase: _moved_tokens(request, phase, indexes, surveys) for phase in blends}
    caches = {phase: _cache(request, phase, specs, blends, moved) for phase in blends}
    segments: list[Node] = []
    for place in specs:
        segments.append(_segment(request, place, specs, blends, caches, segments, moved))
    ends = _ends(request, [*blends.values(), *caches.values()], segments[-1])
    return State(request, [*early, *caches.values(), *segments, *ends], specs, surveys, moved)


def bundles(request: Request, surveys: Mapping[str, Survey], most: int) -> dict[str, list[Bundle]]:
    """
    The bundles of each dataset's stale shards; none where each is a job of its own.

    most: jobs for all of them; 0: no bundles.
    """
    shards = {dataset: {name: shard for name, (shard, _) in request.shards[dataset].items()} for dataset in surveys}
    stale = [shards[dataset][name] for dataset, survey in surveys.items() for name in survey.stale]
    if not (most and stale):
        return {dataset: [] for dataset in surveys}
    size = bundle_bytes(stale, most)
    return {dataset: bundle_shards(shards[dataset], survey.stale, size) for dataset, survey in surveys.items()}


def trains(segment: Node) -> Certainty:
    """How certainly a segment would be trained; one that is not there counts as certain, needed or not."""
    return Certainty.WILL if segment.absent else segment.runs


def refusals(nodes: Iterable[Node], request: Request, thawed: Sequence[str]) -> dict[Node, Certainty]:
    """Segments of frozen phases that would be trained, and how certainly. nodes: settled. thawed: phases let go."""
    segments: dict[Node, Certainty] = {}
    for node in nodes:
        phase = node.name.split("/")[0]
        if node.kind == "segment" and request.is_frozen(phase, thawed):
            segments[node] = trains(node)
    return {node: how for node, how in segments.items() if how}


def refusal(request: Request, place: Place, spec: Spec, moved: Mapping[str, Mapping[str, str]]) -> str:
    """
    Why a segment of a frozen phase is not trained, and what to do, in one sentence.

    spec: today's. moved: by phase, the datasets that hold other tokens than its blend was made from, as far as that is
    known, see State; a blend that was made again has another content in the spec.
    """
    phase, segment = place
    recipe = f"config/recipes/{request.base}.yaml"
    receipt = judge.read(request.paths.segment(*place), SegmentReceipt)
    blends = (judge.read(request.paths.blend_receipt(name), BlendReceipt) for name in request.recipe.phases)
    why = why_trained(receipt, spec, keys.expected_shares(request.recipe, phase, filter(None, blends)))
    earlier = {name: why for each in request.phases_up_to(phase) for name, why in moved[each].items()}
    if receipt is None:
        undo = f"Restore {request.paths.segment(*place)}"
    elif earlier:
        why = f"{why}; {' and '.join(earlier.values())}" if why else " and ".join(earlier.values())
        pins = " and ".join(f"config/datasets/{dataset}.tsv" for dataset in earlier)
        undo = f"Take {pins} back and give new files a dataset of their own, for the phases that shall read them"
    elif why:
        undo = f"Take that back in {'the pins of its datasets' if OTHER_TOKENS in why else recipe}"
    else:
        why = "what comes before it is trained again, or files of it are missing"
        undo = "Restore them"
    return (
        f"{recipe}: phases.{phase} is frozen, but {phase}/{segment} would be trained again: {why}. {undo}, or allow it "
        f"with --config thaw={phase}"
    )


def shortage(request: Request, phase: str, rests: Callable[[str], bool]) -> Shortage | None:
    """
    The sets of a phase that are shorter than a sample; None as long as that is unknown.

    rests: whether the index of a dataset is there and stays as it is. A phase of which one does not is checked when its
    blend is written, and so is one whose shares can't be drawn.
    """
    datasets = keys.blend_datasets(request.recipe, phase)
    if not all(map(rests, datasets)):
        return None
    heads = {dataset: judge.read_index(request.paths.index(dataset)) for dataset in datasets}
    facts = {dataset: head.facts for dataset, head in heads.items() if head}
    try:
        tokens = {dataset: each.tokens for dataset, each in facts.items()}
        parts = resolved(keys.mixture_decision(request.recipe, phase), tokens)
    except (KeyError, MixtureError):
        return None
    used = {part.dataset: facts[part.dataset] for part in parts if part.share}
    return Shortage.of(keys.sequence_needs(request.recipe, phase), used)


def _tokens(request: Request, dataset: str, survey: Survey) -> Node:
    node = Node("tokens", dataset, len(request.shards[dataset]))
    for shard, reason in survey.stale.items():
        (node.absent if reason == NEW else node.changed).setdefault(reason, []).append(shard)
    if node.missing == node.total and (other := _other_tokens(request, dataset)):
        node.absent = {other: node.absent.pop(NEW)}
    return node


def _other_tokens(request: Request, dataset: str) -> str | None:
    """Why none of a dataset's tokens are there, if this recipe's blends were made from others that are."""
    shared = request.shared_key(dataset)
    for phase in request.recipe.phases:
        blend = judge.read(request.paths.blend_receipt(phase), BlendReceipt)
        folder = Path(request.paths.tokens).with_name(blend.key["tokens"] if blend else request.recipe.tokens_name)
        if folder.name != request.recipe.tokens_name:
            index = judge.read(folder / dataset / "index.json", IndexReceipt)
            shard = judge.read(index.inputs[0].path, ShardReceipt) if index else None
            if shard:
                made = {name: value for name, value in shard.key.items() if name in shared and name != "code"}
                change = reasons.joined(reasons.changes("tokens", made, {name: shared[name] for name in made}))
                return f"{change or 'the sample changed'}; the old tokens stay in {folder}"
    return None


def _blend(request: Request, phase: str, indexes: Mapping[str, Node], surveys: Mapping[str, Survey]) -> Node:
    datasets = keys.blend_datasets(request.recipe, phase)
    sources = [Source(indexes[dataset], Certainty.WILL) for dataset in datasets]
    return _single("blend", phase, judge.judge_blend(request, phase, surveys.__getitem__), sources)


def _known(blend: Node) -> bool:
    """Whether a blend will stay as it is."""
    return not blend.runs and not blend.absent


def _moved_tokens(
    request: Request, phase: str, indexes: Mapping[str, Node], surveys: Mapping[str, Survey]
) -> dict[str, str]:
    """Why datasets of a phase's blend are certain to hold other tokens than it was made from, in words, by dataset."""
    receipt = judge.read(request.paths.blend_receipt(phase), BlendReceipt)
    if receipt and not _is_trained_on(request, phase, receipt):  # what was trained on may come back
        return {}
    used = {source.path: source.digest for source in receipt.inputs} if receipt else {}
    moved = {}
    for dataset, blended in receipt.facts.datasets.items() if receipt else ():
        index = judge.read_index(request.paths.index(dataset)) if dataset in surveys and blended.share else None
        if index is None:
            continue
        tokens = surveys[dataset]
        if index.content == used.get(request.paths.index(dataset)):
            changes = [f"{many(len(tokens.came), 'new shard')}, {listed(tokens.came)}"] if tokens.came else []
            changes += [f"{many(len(tokens.gone), 'shard')} fewer, {listed(tokens.gone)}"] if tokens.gone else []
            if changes:
                moved[dataset] = f"{dataset} has {' and '.join(changes)}"
        elif index.facts.tokens != blended.tokens and not (indexes[dataset].runs or indexes[dataset].absent):
            moved[dataset] = f"{dataset} has {index.facts.tokens:,} tokens instead of {blended.tokens:,}"
    return moved


def _is_trained_on(request: Request, phase: str, blend: BlendReceipt) -> bool:
    """Whether no segment of the phase was trained on another blend."""
    places = [place for place in request.places if place[0] == phase]
    trained = filter(None, (judge.read(request.paths.segment(*place), SegmentReceipt) for place in places))
    return all(segment.key["data"]["blend"] == blend.content for segment in trained)


def _cache(
    request: Request,
    phase: str,
    specs: Mapping[Place, Spec],
    blends: Mapping[str, Node],
    other_tokens: Mapping[str, Mapping[str, str]],
) -> Node:
    """
    The index cache of a phase. Of an earlier phase's blend it needs only how many samples that draws, which another
    share may leave as it was.
    """
    earlier = request.phases_up_to(phase)[:-1]
    known = all(_known(blends[name]) for name in earlier)
    verdict = judge.judge_cache(request, phase, specs, _known(blends[phase]), known)
    sources = [Source(blends[name], Certainty.IF) for name in earlier]
    moved = other_tokens[phase] or judge.share_moved(request, phase, judge.cache_shares(request, phase))
    sources.append(Source(blends[phase], Certainty.WILL if moved else Certainty.IF))
    return _single("cache", phase, verdict, sources)


def _segment(
    request: Request,
    place: Place,
    specs: Mapping[Place, Spec],
    blends: Mapping[str, Node],
    caches: Mapping[str, Node],
    before: Sequence[Node],
    other_tokens: Mapping[str, Mapping[str, str]],
) -> Node:
    phase, segment = place
    earlier = request.phases_up_to(phase)[:-1]
    read_before = {node.name.split("/")[0]: blends[node.name.split("/")[0]] for node in before}
    stays = not any(node.changed or node.runs for node in [*before, *read_before.values()])
    known = all(_known(blends[name]) for name in earlier)
    verdict = judge.judge_segment(request, place, specs[place], _known(blends[phase]), known, stays)
    sources = [Source(node, Certainty.WILL) for node in before[-1:]]
    sources += [Source(node, Certainty.NO) for name in earlier for node in (blends[name], caches[name])]
    sources.append(Source(caches[phase], Certainty.NO))
    moved = other_tokens[phase] or judge.share_moved(request, phase, judge.segment_shares(request, place))
    sources.append(Source(blends[phase], Certainty.WILL if moved else Certainty.IF))
    return _single("segment", f"{phase}/{segment}", verdict, sources)


def _ends(request: Request, read_from: Sequence[Node], last: Node) -> list[Node]:
    """The export of the last segment, its lineage and the report. read_from: blends and index caches."""
    known = [Source(node, Certainty.NO) for node in read_from]
    export = _single("export", request.name, judge.judge_export(request), [Source(last, Certainty.WILL), *known])
    exported = [Source(export, Certainty.WILL), *known]
    lineage = _single("lineage", request.name, judge.judge_lineage(request), exported)
    report = _single("report", request.name, judge.judge_report(request), [*exported, Source(lineage, Certainty.WILL)])
    return [export, lineage, report]


def _single(kind: str, name: str, verdict: Freshness, sources: list[Source]) -> Node:
    """A node of one artifact."""
    node = Node(kind, name, sources=sources, implied=verdict.implied)
    if not verdict.present:
        node.absent = {NEW: [name]}
    elif verdict.reason:
        node.changed = {verdict.reason: [name]}
    return node


def _blend_before(request: Request, phase: str) -> PhaseBlend:
    """A phase's blend, or the one that it was trained on; an empty one if nobody knows."""
    if receipt := judge.read(request.paths.blend_receipt(phase), BlendReceipt):
        return PhaseBlend.of(receipt)
    paths = (request.paths.segment(*place) for place in request.places if place[0] == phase)
    data = next((segment.key["data"] for path in paths if (segment := judge.read(path, SegmentReceipt))), None)
    return PhaseBlend(data["blend"], data["shares"]) if data else PhaseBlend("", {})
