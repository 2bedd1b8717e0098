"""
What does Weights & Biases show of a recipe? Raw datasets and tokenizer -> data -> model, and the curves of training.

Nothing is sent while a job works, so no job can fail or wait for a server. Everything is read from receipts and
metrics, at any time. A sent log records what arrived, and names of runs follow from contents, so nothing is sent twice
and the next call sends what failed. Tokens and weights stay in place; artifacts refer to them.

Source of the names DataBlendsArtifact-pretrain and ModelArtifact-pretrain: NVIDIA's recipe for stage 0.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import dropwhile
from pathlib import Path
from typing import Any

import msgspec
import wandb

from nano3 import Nano3Error
from nano3.artifact.digest import digest_json, short
from nano3.artifact.files import write_json
from nano3.artifact.paths import Folders
from nano3.artifact.steps import BlendReceipt, IndexReceipt, SegmentReceipt, read_receipt
from nano3.config.recipe import Recipe
from nano3.corpus.shard_table import SHARDS
from nano3.provenance.lineage import dataset_of_index
from nano3.raw.datasets import read_dataset
from nano3.training.spec import scheduled_segments

FOLDER = Path("results/wandb")
DATA, MODEL = "DataBlendsArtifact-pretrain", "ModelArtifact-pretrain"
CURVES = ("loss", "learning_rate", "grad_norm")


class PublishError(Nano3Error):
    """W&B did not accept a publication."""


@dataclass(frozen=True)
class Target:
    """Where to send it. mode: online, offline (to files under FOLDER, for `wandb sync`) or disabled."""

    mode: str
    project: str
    entity: str | None

    @property
    def name(self) -> str:
        """Its key in the sent log."""
        return f"{self.entity or ''}/{self.project}" if self.mode == "online" else self.mode


@dataclass(frozen=True)
class PublishedArtifact:
    """
    An artifact of W&B. values: JSON files in it. references: locations of its contents, by name; they are not read. W&B
    makes a new version if either changes, so what identifies the artifact is among its values.
    """

    name: str
    kind: str
    values: Mapping[str, Any]
    references: Mapping[str, str]
    metadata: Mapping[str, Any]
    aliases: tuple[str, ...] = ()

    def made(self) -> wandb.Artifact:
        """The artifact for W&B's library."""
        artifact = wandb.Artifact(self.name, self.kind, metadata=dict(self.metadata))
        for name, value in self.values.items():
            with artifact.new_file(name) as file:
                json.dump(value, file, indent=1, sort_keys=True)
        for name, uri in self.references.items():
            artifact.add_reference(uri, name=name, checksum=False)
        return artifact


@dataclass(frozen=True)
class Publication:
    """A run of W&B: what a step used, made and measured. curves: by step; each has `tokens`."""

    name: str
    kind: str
    config: Mapping[str, Any]
    inputs: tuple[PublishedArtifact, ...]
    output: PublishedArtifact
    curves: tuple[tuple[int, Mapping[str, float]], ...] = ()
    summary: Mapping[str, float] = field(default_factory=dict)

    def id(self, recipe: str) -> str:
        """The run's id at W&B: another one if its output differs."""
        return short(digest_json([recipe, self.name, self.output.values]))


def publish(recipe: str, publications: Iterable[Publication], target: Target) -> list[str]:
    """
    Send what was not sent yet; returns the names of what was sent.

    recipe: name of the artifacts; it is their group. Raises PublishError for the first that W&B does not accept; the
    sent log holds what came before it.
    """
    path, names = FOLDER / f"{recipe}.json", []
    log: dict[str, dict[str, str]] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    entries = log.setdefault(target.name, {})
    for publication in publications:
        run_id = publication.id(recipe)
        if target.mode == "disabled" or run_id in entries:
            continue
        try:
            _send(run_id, recipe, publication, target)
        except Exception as error:  # its library raises errors of many kinds
            raise PublishError(
                f"{publication.name}: W&B did not accept it: {str(error).strip() or type(error).__name__}; nothing is "
                "lost: `wandb login` or set WANDB_API_KEY and WANDB_BASE_URL, then run `nano3 publish`"
            ) from error
        entries[run_id] = publication.name
        write_json(path, log)
        names.append(publication.name)
    return names


def _send(run_id: str, recipe: str, publication: Publication, target: Target) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    inputs = [each.made() for each in publication.inputs]
    run = wandb.init(
        id=run_id,
        resume="allow",  # an interrupted run resumes
        mode="offline" if target.mode == "offline" else "online",
        project=target.project,
        entity=target.entity,
        dir=str(FOLDER),
        group=recipe,
        job_type=publication.kind,
        name=f"{recipe}/{publication.name}",
        config={**publication.config, "inputs": {each.name: digest_json(each.values) for each in publication.inputs}},
        settings=wandb.Settings(console="off", disable_git=True, disable_code=True, x_disable_stats=True),
    )
    with run:
        if target.mode == "online":  # offline, W&B's library refuses; the config still lists the inputs
            for artifact in inputs:
                run.use_artifact(artifact)
        run.define_metric("*", step_metric="tokens")
        for step, values in publication.curves:
            run.log(dict(values), step=step)
        run.summary.update(dict(publication.summary))
        output = run.log_artifact(publication.output.made(), aliases=list(publication.output.aliases))
        if target.mode == "online":
            output.wait()


def publications(name: str, recipe: Recipe) -> Iterator[Publication]:
    """Everything that a recipe has built so far, in the order of the graph. name: of the artifacts."""
    data: dict[str, PublishedArtifact] = {}
    before: tuple[PublishedArtifact, ...] = ()
    for phase, segment, path in _receipts(name, recipe):
        if not path.is_file():
            return
        if segment is None:
            publication = _data(phase, path, recipe)
            data[phase] = publication.output
        else:
            publication = _model(path, (data[phase], *before))
            before = (publication.output,)
        yield publication


def left_out(name: str, recipe: Recipe) -> list[str]:
    """What can't be published yet, one line each with the reason: a receipt is missing."""
    steps = [
        (f"{phase}/{segment}" if segment else f"data/{phase}", path) for phase, segment, path in _receipts(name, recipe)
    ]
    rest = [*dropwhile(lambda step: step[1].is_file(), steps)]
    if not rest:
        return []
    (first, path), *later = rest
    lines = [f"{first}: not sent: {path} is missing: build it with snakemake"]
    return lines + [f"{step}: not sent: it comes after {first}" for step, _ in later]


def _receipts(name: str, recipe: Recipe) -> Iterator[tuple[str, str | None, Path]]:
    """Phase, segment and receipt of all that can be sent, in the order of the graph; a blend has no segment."""
    folders = Folders.of(name, recipe.tokens_name)
    for phase in recipe.phases:
        yield phase, None, Path(folders.blend_receipt(phase))
    for scheduled in scheduled_segments(recipe):
        path = folders.segment(scheduled.phase, scheduled.segment)
        yield scheduled.phase, scheduled.segment, Path(path)


def _data(phase: str, path: Path, recipe: Recipe) -> Publication:
    """A phase's blend, made of raw datasets and a tokenizer."""
    receipt, blend = read_receipt(path, BlendReceipt), path.with_name("blend.json")
    indexes = {dataset_of_index(each.path): each.path for each in receipt.inputs}
    facts = msgspec.to_builtins(receipt.facts)
    artifact = PublishedArtifact(
        DATA,
        "dataset",
        {
            "blend.json": json.loads(blend.read_text(encoding="utf-8")),
            "content.json": {"blend": receipt.content, "phase": phase},
        },
        dict(_files("index.json", SHARDS, beside=indexes)),
        {"phase": phase, "mixture": receipt.key["mixture"], **facts},
        (phase,),
    )
    inputs = [_raw(dataset, read_receipt(index, IndexReceipt)) for dataset, index in indexes.items()]
    config = {"phase": phase, "blend": receipt.key}
    return Publication(f"data/{phase}", "data-prep", config, (*inputs, _tokenizer(recipe)), artifact)


def _files(*names: str, beside: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """References to the files of each dataset that list its pairs, of which there may be 100,000."""
    for dataset, index in beside.items():
        for file in (Path(index).with_name(name) for name in names):
            if file.exists():  # W&B's library requires a local file to exist
                yield f"{dataset}/{file.name}", file.resolve().as_uri()


def _raw(dataset: str, index: IndexReceipt) -> PublishedArtifact:
    """A dataset's pinned raw shards; another revision with the same bytes is the same version."""
    description = read_dataset(dataset)
    about = {"source": description.source, "revision": description.revision, "shards": index.facts.shards.count}
    return PublishedArtifact(f"raw-{dataset}", "dataset", {"shards.json": {dataset: index.key["shards"]}}, {}, about)


def _tokenizer(recipe: Recipe) -> PublishedArtifact:
    settings = recipe.token_settings()["tokenizer"]
    file = recipe.tokenizer_file.resolve().as_uri()
    return PublishedArtifact(
        f"tokenizer-{recipe.tokenizer.name}", "tokenizer", {"settings.json": settings}, {"tokenizer.json": file}, {}
    )


def _model(path: Path, inputs: tuple[PublishedArtifact, ...]) -> Publication:
    """A segment's checkpoint, with the curves of its training."""
    receipt = read_receipt(path, SegmentReceipt)
    facts, spec = receipt.facts, digest_json(receipt.key)
    phase, segment = facts.phase, facts.segment
    weights = Path(facts.checkpoint).resolve()
    keys = ("parameters", "tokens", "tokens_seen", "loss", "validation", "mixture")
    artifact = PublishedArtifact(
        MODEL,
        "model",
        {"content.json": {"checkpoint": receipt.content, "spec": spec}, "spec.json": receipt.key},
        {"checkpoint": weights.as_uri()} if weights.exists() else {},
        {
            "path": str(weights),
            "step": facts.steps,
            "phase": phase,
            "segment": segment,
            "spec": spec,
            **{key: msgspec.to_builtins(getattr(facts, key)) for key in keys},
        },
        (phase, f"{phase}-{segment}"),
    )
    lines = map(json.loads, path.with_name("metrics.jsonl").read_text(encoding="utf-8").splitlines())
    curves = tuple(
        (line["step"], {"tokens": line["tokens"], **{f"{phase}/{key}": line[key] for key in CURVES if key in line}})
        for line in lines
    )
    validation = {f"validation/{dataset}": loss for dataset, loss in facts.validation["after"].items()}
    config = {"phase": phase, "segment": segment, "spec": receipt.key}
    return Publication(f"{phase}/{segment}", "pretrain", config, inputs, artifact, curves, validation)
