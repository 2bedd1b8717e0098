"""A finished training with its lineage, written again and read back."""

import json
from pathlib import Path
from typing import Any

import pytest

from nano3.provenance.prov import write_lineage
from tests.lineage import build
from tests.receipts import CRATE, EXPORT, LINEAGE, REPORT, SHARDS

DATASETS = ["web", "code", "maths"]


@pytest.fixture
def lineage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APPTAINER_CONTAINER", "docker://somebody:secret@nvcr.io/nvidia/nemo:25.11.nemotron_3_nano")
    build(DATASETS)


def write_again() -> None:
    write_lineage(EXPORT, {"code": "c"}, LINEAGE, SHARDS, CRATE, REPORT / "lineage.receipt.json")


def crate() -> dict[str, dict[str, Any]]:
    return {entity["@id"]: entity for entity in json.loads(CRATE.read_text())["@graph"]}
