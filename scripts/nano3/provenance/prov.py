"""
How do others read a lineage? As W3C PROV, a Workflow Run RO-Crate, and a table of all shards.

Entities are artifacts and files, activities are steps, agents are the software that ran: commit, code, container and
versions. The shards of a dataset are one entity and their tokenization one activity; a table lists all of them.
Source of the terms and of the JSON form: PROV-JSON, W3C member submission of 2013-04-24.

    lineage.json                PROV-JSON
    lineage.shards.tsv          a line for each shard, see nano3.provenance.shard_records
    ro-crate-metadata.json      see nano3.provenance.ro_crate
"""

from collections.abc import Iterable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json
from nano3.artifact.files import write_json
from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import IndexReceipt, LineageFacts, LineageKey, LineageReceipt, SegmentReceipt
from nano3.provenance.lineage import Receipts, closure, dataset_of_index, software_name, software_of
from nano3.provenance.ro_crate import write_crate
from nano3.provenance.shard_records import Fold, ShardRecords, folded, written

PREFIXES = ("nano3", "artifact", "file", "pairs", "raw", "step", "software")


def write_lineage(export: Path, key: LineageKey, lineage: Path, shards: Path, crate: Path, receipt: Path) -> None:
    """
    Write the lineage of the artifact of receipt `export`, and a receipt of its own.

    lineage: PROV-JSON. shards: the table of shards. crate: the metadata of an RO-Crate, whose folder holds the others
    and a copy of the Snakefile.
    Raises ReceiptError or LineageError if a receipt is missing or depends on something that has changed since.
    """
    run = Run(("rocrate",))
    receipts, records = closure(export), ShardRecords()
    indexes = {path: each for path, each in receipts.items() if isinstance(each, IndexReceipt)}
    lines = (shard for path, index in indexes.items() for shard in records.read(path, index))
    with written(shards, lines) as rows:
        folds = folded(rows)
    document = provenance(receipts, folds, records, shards.name)
    write_json(lineage, document)
    workflow = write_crate(crate, str(export), receipts, folds.values(), records, [lineage, shards])
    outputs = [Output.of(path) for path in (lineage, shards, crate, workflow)]
    entities, activities, agents = (len(document[kind]) for kind in ("entity", "activity", "agent"))
    facts = LineageFacts(
        entity=entities, activity=activities, agent=agents, shards=sum(fold.shards for fold in folds.values())
    )
    inputs = [receipts[str(export)].as_input(export)]
    LineageReceipt.made(run, key=key, inputs=inputs, outputs=outputs, facts=facts).write(receipt)


def provenance(receipts: Receipts, folds: Mapping[str, Fold], records: ShardRecords, table: str) -> dict[str, Any]:
    """Receipts and folded shards in PROV-JSON. records: the reader of the shards. table: its file, a line per shard."""
    document = Document()
    for path, receipt in receipts.items():
        run, activity = receipt.run, f"step:{path}"
        document.did(
            activity,
            receipt.step,
            (run.started, run.ended),
            {
                "nano3:seconds": run.seconds,
                "nano3:processorSeconds": run.processor_seconds,
                "nano3:host": run.host,
                "nano3:slurmJob": run.slurm_job,
                "nano3:key": digest_json(receipt.key),
                "nano3:skippedValidation": _skipped(receipt) if isinstance(receipt, SegmentReceipt) else None,
            },
            [software_of(receipt)],
        )
        document.made(activity, f"artifact:{path}", receipt.step, {"nano3:content": receipt.content})
        for output in receipt.outputs:
            facts = {"nano3:sha256": output.sha256, "nano3:bytes": output.bytes}
            document.made(activity, f"file:{output.path}", "file", facts)
        if isinstance(receipt, IndexReceipt):
            document.use(activity, f"pairs:{dataset_of_index(path)}")
            continue
        for source in receipt.inputs:
            if source.kind == "receipt":
                document.use(activity, f"artifact:{source.path}")
            else:
                document.use_file(activity, source.path, source.digest)
    for dataset, fold in folds.items():
        document.folded(fold, records.software[dataset], records.other_inputs[dataset], table)
    return document.json()


class Document:
    """A PROV-JSON document under construction."""

    def __init__(self) -> None:
        self.entity: dict[str, Any] = {}
        self.activity: dict[str, Any] = {}
        self.agent: dict[str, Any] = {}
        self.used: list[dict[str, str]] = []
        self.generated: list[dict[str, str]] = []
        self.associated: list[dict[str, str]] = []

    def did(
        self,
        name: str,
        step: str,
        times: tuple[str, str],
        facts: Mapping[str, Any],
        software: Iterable[Mapping[str, Any]],
    ) -> None:
        """Add an activity from one time to another, and the software that did it."""
        started, ended = times
        attributes = {key: value for key, value in facts.items() if value is not None}
        self.activity[name] = {"prov:type": step, "prov:startTime": started, "prov:endTime": ended} | attributes
        for each in software:
            agent = f"software:{software_name(each)}"
            self.agent[agent] = _agent(each)
            self.associated.append({"prov:activity": name, "prov:agent": agent})

    def made(self, activity: str, name: str, kind: str, facts: Mapping[str, Any]) -> None:
        """Add an entity that an activity generated."""
        self.entity[name] = {"prov:type": kind, **facts}
        self.generated.append({"prov:entity": name, "prov:activity": activity})

    def use(self, activity: str, name: str) -> None:
        """Add that an activity used an entity."""
        self.used.append({"prov:activity": activity, "prov:entity": name})

    def use_file(self, activity: str, path: str, sha256: str) -> None:
        """Add a file that an activity used and no activity made."""
        self.entity.setdefault(f"file:{path}", {"prov:type": "file", "nano3:sha256": sha256})
        self.use(activity, f"file:{path}")

    def folded(
        self, fold: Fold, software: Mapping[str, Mapping[str, Any]], other_inputs: Mapping[str, str], table: str
    ) -> None:
        """Add all shards of a dataset: raw files, token pairs, and the activity between them."""
        collection = {"nano3:count": fold.shards, "nano3:table": table}
        activity, raw = f"step:tokenize/{fold.dataset}", f"raw:{fold.dataset}"
        facts = {
            "nano3:count": fold.shards,
            "nano3:seconds": round(fold.seconds, 3),
            "nano3:processorSeconds": round(fold.processor_seconds, 3),
            "nano3:host": sorted(fold.hosts),
            "nano3:slurmJobs": len(fold.slurm_jobs),
        }
        self.did(activity, "tokenize_shard", (fold.started, fold.ended), facts, software.values())
        self.entity[raw] = {"prov:type": "prov:Collection", "nano3:digest": fold.raw_digest} | collection
        self.use(activity, raw)
        for path, sha256 in other_inputs.items():
            self.use_file(activity, path, sha256)
        counts = {f"nano3:{name}": getattr(fold, name) for name in ("rows", "documents", "tokens", "bytes")}
        pairs = {"nano3:digest": fold.digest} | counts | collection
        self.made(activity, f"pairs:{fold.dataset}", "prov:Collection", pairs)

    def json(self) -> dict[str, Any]:
        """The document. Relations need names; theirs are blank nodes."""
        relations = {"used": self.used, "wasGeneratedBy": self.generated, "wasAssociatedWith": self.associated}
        numbers = count()
        return {
            "prefix": {name: f"urn:nano3:{name}:" for name in PREFIXES},
            "entity": self.entity,
            "activity": self.activity,
            "agent": self.agent,
            **{name: {f"_:r{next(numbers)}": each for each in every} for name, every in relations.items()},
        }


def _skipped(segment: SegmentReceipt) -> list[str] | None:
    """The validation sets that a segment left out, and why; None if it left out none."""
    length = segment.key["batch"]["sequence_length"]
    return [
        f"{name}: {tokens:,} tokens, a sequence of {length:,} needs {length + 1:,}"
        for name, tokens in sorted(segment.facts.skipped_validation.items())
    ] or None


def _agent(software: Mapping[str, Any]) -> dict[str, Any]:
    git = software["git"] or {}
    facts = {
        "prov:type": "prov:SoftwareAgent",
        "nano3:commit": git.get("commit"),
        "nano3:dirty": git.get("dirty"),
        "nano3:code": software["code"],
        "nano3:container": software["container"],
        "nano3:version": [f"{name} {version}" for name, version in sorted(software["packages"].items())],
    }
    return {key: value for key, value in facts.items() if value is not None}
