"""
Lineage: the closure of receipts from an artifact back to raw files, in the terms of W3C PROV.

Entities are artifacts and raw files, activities are steps, agents are the code that ran. Source of the terms and of
the JSON form: PROV-JSON, W3C member submission of 2013-04-24.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from nano3 import Nano3Error
from nano3.receipt import Input, Output, Run, read_receipt, write_json, write_receipt

Receipts = dict[str, dict[str, Any]]


class LineageError(Nano3Error):
    """Receipts do not fit together."""


def closure(receipt: Path) -> Receipts:
    """
    All receipts that an artifact stands on, by path, nearest first.

    Raises LineageError where a receipt names an artifact that is not there any more in that form.
    """
    found = {str(receipt): read_receipt(receipt)}
    waiting = [str(receipt)]
    while waiting:
        user = waiting.pop(0)
        for source in found[user]["inputs"]:
            path = source["path"]
            if source["kind"] != "receipt":
                continue
            if path not in found:
                found[path] = read_receipt(path)
                waiting.append(path)
            if found[path]["content"] != source["digest"]:
                raise LineageError(
                    f"{user}: was made from another content of {path}: build it again with `snakemake {user}`"
                )
    return found


def write_lineage(export: Path, key: dict[str, Any], lineage: Path, receipt: Path) -> None:
    """The lineage of the artifact that the receipt `export` stands for, as PROV-JSON, and a receipt of its own."""
    run = Run()
    write_json(lineage, provenance(closure(export)))
    outputs = [Output.of(lineage)]
    write_receipt(receipt, "write_lineage", run, key=key, inputs=[Input.receipt(export)], outputs=outputs, facts={})


def provenance(receipts: Receipts) -> dict[str, Any]:
    """Receipts in PROV-JSON."""
    entities: dict[str, Any] = {}
    activities: dict[str, Any] = {}
    agents: dict[str, Any] = {}
    used: list[dict[str, str]] = []
    generated: list[dict[str, str]] = []
    associated: list[dict[str, str]] = []
    for path, receipt in receipts.items():
        activity, run = f"step:{path}", receipt["run"]
        activities[activity] = {
            "prov:type": receipt["step"],
            "prov:startTime": run["started"],
            "prov:endTime": run["ended"],
            "nano3:seconds": run["seconds"],
            "nano3:host": run["host"],
            "nano3:slurmJob": run["slurm_job"],
            "nano3:packages": run["packages"] | {"python": run["python"]},
        }
        entities[f"artifact:{path}"] = {"prov:type": receipt["step"], "nano3:content": receipt["content"]}
        generated.append({"prov:entity": f"artifact:{path}", "prov:activity": activity})
        for name, entity in _files(receipt):
            entities[name] = entity
            generated.append({"prov:entity": name, "prov:activity": activity})
        for source in receipt["inputs"]:
            name = f"artifact:{source['path']}" if source["kind"] == "receipt" else f"file:{source['path']}"
            if source["kind"] != "receipt":
                entities[name] = {"prov:type": "raw file", "nano3:sha256": source["digest"]}
            used.append({"prov:activity": activity, "prov:entity": name})
        git = run["git"] or {"commit": "unknown", "dirty": None}
        agent = f"code:{git['commit']}"
        agents[agent] = {"prov:type": "prov:SoftwareAgent", "nano3:commit": git["commit"]}
        associated.append({"prov:activity": activity, "prov:agent": agent, "nano3:dirty": git["dirty"]})
    return {
        "prefix": {"prov": "http://www.w3.org/ns/prov#", **{name: f"urn:nano3:{name}:" for name in PREFIXES}},
        "entity": entities,
        "activity": activities,
        "agent": agents,
        "used": _numbered(used),
        "wasGeneratedBy": _numbered(generated),
        "wasAssociatedWith": _numbered(associated),
    }


PREFIXES = ("nano3", "artifact", "file", "step", "code")


def _files(receipt: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for output in receipt["outputs"]:
        entity = {"prov:type": "file", "nano3:sha256": output["sha256"], "nano3:bytes": output["bytes"]}
        yield f"file:{output['path']}", entity


def _numbered(relations: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """Relations need a name of their own; theirs are blank nodes."""
    return {f"_:r{number}": relation for number, relation in enumerate(relations)}
