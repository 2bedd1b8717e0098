"""
How do archives and tools that know only public vocabularies read a lineage? As an RO-Crate.

The crate is the folder of the report. Its files are the lineage, its table of shards and the workflow. Every other file
lies elsewhere and is named by its content (RFC 6920), by which any copy can be verified. An artifact is a collection of
files. Source: RO-Crate 1.1 and the Provenance Run Crate profile 0.5, with the profiles that it extends.
"""

import base64
import shutil
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rocrate.model import ComputationalWorkflow, ContextEntity, DataEntity, Entity, File
from rocrate.rocrate import ROCrate

from nano3.artifact.code import SCRIPTS
from nano3.artifact.files import replaced, write_json
from nano3.artifact.receipt import Output, Receipt
from nano3.artifact.steps import IndexReceipt
from nano3.provenance.lineage import Receipts, dataset_of_index, software_name, software_of
from nano3.provenance.shard_records import Fold, ShardRecords

WORKFLOW = SCRIPTS.parent / "Snakefile"
LICENSE = "https://spdx.org/licenses/Apache-2.0"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": "Process Run Crate",
    "https://w3id.org/ro/wfrun/workflow/0.5": "Workflow Run Crate",
    "https://w3id.org/ro/wfrun/provenance/0.5": "Provenance Run Crate",
    WORKFLOW_CRATE: "Workflow RO-Crate",
}
WORKFLOW_RUN = "https://w3id.org/ro/terms/workflow-run#"
TERMS = ("ContainerImage", "containerImage", "resourceUsage", "sha256")  # those that the crate uses
SNAKEMAKE = "https://w3id.org/workflowhub/workflow-ro-crate#snakemake"
SNAKEMAKE_URL = "https://snakemake.github.io"
SECONDS = "https://qudt.org/vocab/unit/SEC"
FORMATS = {".json": "application/json", ".jsonl": "application/jsonl", ".tsv": "text/tab-separated-values"}


def write_crate(
    metadata: Path, export: str, receipts: Receipts, folds: Iterable[Fold], records: ShardRecords, files: Sequence[Path]
) -> Path:
    """
    Write the metadata of a crate and a copy of the workflow beside it; returns the path of the copy.

    export: path of the receipt whose closure is receipts. folds: the shards of its datasets. records: the reader of
    these shards. files: the other files of the crate's folder, the table of shards last.
    """
    workflow = metadata.parent / WORKFLOW.name
    with replaced(workflow) as aside:
        shutil.copyfile(WORKFLOW, aside)
    crate = Crate(export, receipts[export].run.ended, workflow)
    for file in files:
        crate.holds(file)
    for fold in folds:
        software, others = records.software[fold.dataset].values(), records.other_inputs[fold.dataset]
        crate.tokenized(fold, software, others, files[-1].name)
    for path, receipt in receipts.items():
        crate.made(path, receipt)
    write_json(metadata, crate.finished(f"#artifact/{export}"))
    return workflow


class Crate:
    """An RO-Crate under construction."""

    def __init__(self, name: str, published: str, workflow: Path) -> None:
        self.crate = ROCrate(version="1.1")
        self.crate.metadata.extra_terms |= {term: f"{WORKFLOW_RUN}{term}" for term in TERMS}
        self.crate.metadata.append_to("conformsTo", {"@id": WORKFLOW_CRATE})
        self.tools: dict[str, Entity] = {}
        self.steps: dict[str, Entity] = {}
        self.files: dict[str, Entity] = {}
        self.collections: list[Entity] = []
        self.actions: list[Entity] = []
        self.controls: list[Entity] = []

        root = self.crate.root_dataset
        root["name"] = f"Lineage of {Path(name).parent}"
        root["description"] = "From pinned raw shards to an exported checkpoint: every step, what it used and made."
        root["license"], root["datePublished"] = {"@id": LICENSE}, published
        root["conformsTo"] = [
            self._add(uri, "CreativeWork", name=name, version=uri.rsplit("/", 1)[1]) for uri, name in PROFILES.items()
        ]
        self._add(LICENSE, "CreativeWork", name="Apache-2.0", description="Apache License, Version 2.0")
        language = self._add(SNAKEMAKE, "ComputerLanguage", name="Snakemake", url={"@id": SNAKEMAKE_URL})
        about = {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow", "HowTo"],
            "name": "Nemotron 3 Nano, stage 0: pretraining",
            "programmingLanguage": language,
        }
        self.workflow = self.crate.add(
            ComputationalWorkflow(self.crate, workflow, workflow.name, properties=about | _content(Output.of(workflow)))
        )
        self.crate.mainEntity = self.workflow

    def holds(self, file: Path) -> None:
        """Add a file of the crate itself."""
        output = Output.of(file)
        self.crate.add(File(self.crate, file, file.name, properties=_about(output.path) | _content(output)))

    def tokenized(
        self, fold: Fold, software: Iterable[Mapping[str, Any]], others: Mapping[str, str], table: str
    ) -> None:
        """Add all shards of a dataset: two collections, listed in a table of the crate, and the action between them."""
        raw = self._collection(f"#raw/{fold.dataset}", f"{fold.shards:,} raw shards of {fold.dataset}", fold.raw_digest)
        pairs = self._collection(f"#pairs/{fold.dataset}", f"{fold.tokens:,} tokens of {fold.dataset}", fold.digest)
        raw["subjectOf"] = pairs["subjectOf"] = {"@id": table}
        self._act(
            f"tokenize/{fold.dataset}",
            "tokenize_shard",
            software,
            {"startTime": fold.started, "endTime": fold.ended, "result": pairs},
            [raw, *(self._file(path, {"sha256": sha256}) for path, sha256 in others.items())],
            {"seconds": fold.seconds, "processor_seconds": fold.processor_seconds},
        )

    def made(self, path: str, receipt: Receipt[Any, Any]) -> None:
        """Add a receipt's artifact, a collection of its files, and the action that made it."""
        run, step = receipt.run, receipt.step
        artifact = self._collection(f"#artifact/{path}", f"{step}: {Path(path).parent}", receipt.content)
        artifact["hasPart"] = [self._file(output.path, _content(output)) for output in receipt.outputs]
        inputs: list[Entity | dict[str, str]] = [
            {"@id": f"#artifact/{source.path}"}
            if source.kind == "receipt"
            else self._file(source.path, {"sha256": source.digest})
            for source in receipt.inputs
        ]
        if isinstance(receipt, IndexReceipt):
            inputs = [{"@id": f"#pairs/{dataset_of_index(path)}"}]
        times = {"startTime": run.started, "endTime": run.ended, "result": artifact}
        usage = {"seconds": run.seconds, "processor_seconds": run.processor_seconds}
        self._act(path, step, [software_of(receipt)], times, inputs, usage)

    def finished(self, result: str) -> dict[str, Any]:
        """The crate as JSON-LD, with the run of the whole workflow. result: the id of its product."""
        run = self._add(
            "#run",
            "CreateAction",
            name="All steps from raw shards to the export",
            instrument=self.workflow,
            startTime=min(action["startTime"] for action in self.actions),
            endTime=max(action["endTime"] for action in self.actions),
            object=[entity for entity in self.collections if entity.id.startswith("#raw/")],
            result={"@id": result},
        )
        engine = self._add(
            "#engine", "SoftwareApplication", name="Snakemake", softwareVersion=version("snakemake"), url=SNAKEMAKE_URL
        )
        self._add("#jobs", "OrganizeAction", name="Jobs", instrument=engine, result=run, object=self.controls)
        self.workflow["hasPart"], self.workflow["step"] = list(self.tools.values()), list(self.steps.values())
        self.crate.root_dataset["mentions"] = [run, *self.actions, *self.collections]
        document: dict[str, Any] = self.crate.metadata.generate()
        return document

    def _act(
        self,
        name: str,
        step: str,
        software: Iterable[Mapping[str, Any]],
        facts: Mapping[str, Any],
        inputs: Sequence[Entity | dict[str, str]],
        usage: Mapping[str, float],
    ) -> None:
        """Add an action: what ran, for which step of the workflow, with which software."""
        versions = list(software)
        tools = [self._tool(step, each) for each in versions]
        resources = [
            self._add(
                f"#usage/{kind}/{name}",
                "PropertyValue",
                name=kind,
                propertyID=f"urn:nano3:{kind}",
                value=value,
                unitCode=SECONDS,
            )
            for kind, value in usage.items()
        ]
        images = [
            self._add(f"#container/{image}", "ContainerImage", name=image)
            for image in dict.fromkeys(each["container"] for each in versions if each["container"])
        ]
        action = self._add(
            f"#action/{name}",
            "CreateAction",
            name=f"{step}: {name}",
            instrument=tools,
            object=list(inputs),
            resourceUsage=resources,
            **facts,
            **({"containerImage": images} if images else {}),
        )
        self.actions.append(action)
        instrument = self.steps[step]
        self.controls.append(
            self._add(f"#control/{name}", "ControlAction", name=f"Job {name}", instrument=instrument, object=action)
        )

    def _tool(self, step: str, software: Mapping[str, Any]) -> Entity:
        """A version of a step's script, which the step lists as an example of its work."""
        name, git = f"urn:nano3:{step}:{software_name(software)}", software["git"]
        if name not in self.tools:
            packages = ", ".join(f"{package} {number}" for package, number in software["packages"].items())
            about = {
                "name": f"scripts/{step}.py",
                "description": f"code {software['code']} with {packages}",
                "softwareVersion": f"{git['commit']}{' with changes' if git['dirty'] else ''}" if git else "unknown",
            }
            self.tools[name] = self._add(name, "SoftwareApplication", **about)
            if step not in self.steps:
                self.steps[step] = self._add(f"#step/{step}", "HowToStep", name=step)
            self.steps[step].append_to("workExample", self.tools[name], compact=True)
        return self.tools[name]

    def _file(self, path: str, about: Mapping[str, Any]) -> Entity:
        """A file that lies elsewhere, by its content; the same bytes under another path are the same file."""
        name = content_uri(about["sha256"])
        if name not in self.files:
            self.files[name] = self.crate.add(DataEntity(self.crate, name, {"@type": "File", **_about(path), **about}))
        return self.files[name]

    def _collection(self, name: str, title: str, digest: str) -> Entity:
        collection = self._add(name, "Collection", name=title, identifier=f"sha256:{digest}")
        self.collections.append(collection)
        return collection

    def _add(self, at: str, kind: str, **about: Any) -> Entity:
        properties = {
            key: value[0] if isinstance(value, list) and len(value) == 1 else value for key, value in about.items()
        }
        return self.crate.add(ContextEntity(self.crate, at, {"@type": kind, **properties}))


def content_uri(sha256: str) -> str:
    """The RFC 6920 name of a content, ni:///sha-256;... sha256: 64 hexadecimal digits."""
    return f"ni:///sha-256;{base64.urlsafe_b64encode(bytes.fromhex(sha256)).decode().rstrip('=')}"


def _about(path: str) -> dict[str, str]:
    """A file's name and media type."""
    return {"name": path, "encodingFormat": FORMATS.get(Path(path).suffix, "application/octet-stream")}


def _content(output: Output) -> dict[str, str]:
    return {"sha256": output.sha256, "contentSize": str(output.bytes)}
