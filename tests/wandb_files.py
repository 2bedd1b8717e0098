"""What wandb wrote in offline mode: records of protobuf in a log of blocks, as LevelDB has it."""

import json
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from wandb.proto.wandb_internal_pb2 import Record  # type: ignore[attr-defined]  # made by protobuf

HEADER, BLOCK, RECORD = 7, 2**15, 7
WHOLE, LAST = 1, 4


@dataclass
class Written:
    """A run as it was written. artifacts: logged, by name; each its metadata, aliases and entries by path."""

    project: str = ""
    entity: str = ""
    group: str = ""
    name: str = ""
    config: dict[str, Any] = field(default_factory=dict)
    history: list[dict[str, Any]] = field(default_factory=list)
    summary: dict[str, Any] = field(default_factory=dict)
    artifacts: dict[str, dict[str, Any]] = field(default_factory=dict)


def records(file: Path) -> Iterator[Record]:
    data, at, part = file.read_bytes(), HEADER, b""
    while at + RECORD <= len(data):
        if BLOCK - at % BLOCK < RECORD:
            at += BLOCK - at % BLOCK
            continue
        _, size, kind = struct.unpack("<IHB", data[at : at + RECORD])
        part += data[at + RECORD : at + RECORD + size]
        at += RECORD + size
        if kind in (WHOLE, LAST):
            record = Record()
            record.ParseFromString(part)
            yield record
            part = b""


def written(folder: Path) -> dict[str, Written]:
    """All runs under a folder, by id."""
    runs: dict[str, Written] = {}
    for file in sorted(folder.glob("wandb/offline-run-*/run-*.wandb")):
        run = runs[file.stem.removeprefix("run-")] = Written()
        for record in records(file):
            match record.WhichOneof("record_type"):
                case "run":
                    own = record.run
                    run.project, run.entity, run.group, run.name = (
                        own.project,
                        own.entity,
                        own.run_group,
                        own.display_name,
                    )
                    run.config |= {each.key: json.loads(each.value_json) for each in own.config.update}
                case "history":
                    items = ((".".join(item.nested_key) or item.key, item.value_json) for item in record.history.item)
                    run.history.append({key: json.loads(value) for key, value in items})
                case "summary":
                    items = ((".".join(item.nested_key) or item.key, item.value_json) for item in record.summary.update)
                    run.summary |= {key: json.loads(value) for key, value in items}
                case "request" if record.request.HasField("log_artifact"):
                    _artifact(run, record.request.log_artifact.artifact)
                case "artifact":
                    _artifact(run, record.artifact)
    return runs


def _artifact(run: Written, artifact: Any) -> None:
    run.artifacts[artifact.name] = {
        "type": artifact.type,
        "aliases": list(artifact.aliases),
        "metadata": json.loads(artifact.metadata),
        "entries": {entry.path: entry.ref for entry in artifact.manifest.contents},
        "digest": artifact.digest,
    }
