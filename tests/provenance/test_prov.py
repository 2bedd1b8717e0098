"""A lineage in W3C PROV and as a crate: complete, folded, readable by others."""

import csv
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity

from nano3.artifact.digest import digest_file
from nano3.artifact.receipt import Run
from nano3.provenance.lineage import LineageError, closure
from nano3.provenance.prov import write_lineage
from nano3.provenance.ro_crate import content_uri
from tests.lineage import build
from tests.receipts import CRATE, EXPORT, LINEAGE, REPORT, SHARDS

DATASETS = ["web", "code", "maths"]


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("APPTAINER_CONTAINER", "docker://somebody:secret@nvcr.io/nvidia/nemo:25.11.nemotron_3_nano")
    build(DATASETS)


def again() -> None:
    write_lineage(EXPORT, {"code": "c"}, LINEAGE, SHARDS, CRATE, REPORT / "lineage.receipt.json")


def crate() -> dict[str, dict[str, Any]]:
    return {entity["@id"]: entity for entity in json.loads(CRATE.read_text())["@graph"]}


def test_the_reference_library_reads_it_and_everything_named_is_described() -> None:
    document = ProvDocument.deserialize(str(LINEAGE))
    identifiers = {str(record.identifier) for record in document.get_records((ProvEntity, ProvActivity, ProvAgent))}
    references = {
        str(value)
        for record in document.get_records()
        if record.is_relation()
        for key, value in record.formal_attributes
        if value
    }
    assert references <= identifiers
    assert {f"step:{path}" for path in closure(EXPORT)} <= identifiers


def test_every_way_from_the_export_ends_at_raw_shards() -> None:
    prov = json.loads(LINEAGE.read_text())
    activities = {each["prov:entity"]: each["prov:activity"] for each in prov["wasGeneratedBy"].values()}
    used: dict[str, set[str]] = {}
    for each in prov["used"].values():
        used.setdefault(each["prov:activity"], set()).add(each["prov:entity"])
    queue, ends = [f"artifact:{EXPORT}"], set()
    while queue:
        entity = queue.pop()
        if entity in activities:
            queue.extend(used[activities[entity]])
        else:
            ends.add(entity)
    assert ends == {f"raw:{dataset}" for dataset in DATASETS}


def test_shards_are_folded_and_the_digest_is_that_of_sha256sum(tmp_path: Path) -> None:
    build(["web"], shards=30)
    with SHARDS.open() as file:
        lines = [line for line in csv.DictReader(file, delimiter="\t") if line["dataset"] == "web"]
    assert [line["shard"] for line in lines] == [f"shard_{number:04}" for number in range(30)]
    raw = json.loads(LINEAGE.read_text())["entity"]["raw:web"]
    text = "".join(f"{line['sha256']}  {line['raw']}\n" for line in lines)
    assert raw["nano3:digest"] == hashlib.sha256(text.encode()).hexdigest()
    assert raw["nano3:count"] == 30
    assert json.loads(LINEAGE.read_text())["entity"]["pairs:web"]["nano3:tokens"] == 30 * 10_000


def test_the_files_do_not_grow_with_the_shards() -> None:
    sizes = []
    for shards in (2, 40):
        build(DATASETS, shards)
        sizes.append((len(json.loads(LINEAGE.read_text())["entity"]), len(crate())))
    assert sizes[0] == sizes[1]


def test_the_container_is_named_and_its_password_is_not() -> None:
    run = Run().record()
    assert run.container == "docker://nvcr.io/nvidia/nemo:25.11.nemotron_3_nano"
    for file in (LINEAGE, CRATE):
        assert run.container in file.read_text()
        assert "secret" not in file.read_text()


def test_a_shard_rebuilt_after_its_index_is_an_error() -> None:
    path = Path("results/tokens/tiny/web/train/shard_0001.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"content": "0" * 64}))
    with pytest.raises(LineageError, match=r"index\.json: was built from another version of .*shard_0001\.json"):
        again()


def test_the_crate_names_files_by_content_and_holds_its_own() -> None:
    entities = crate()
    assert content_uri(digest_file(EXPORT.parent / "model/model.safetensors")) in entities
    for part in entities["./"]["hasPart"]:
        if ":" not in part["@id"]:
            assert entities[part["@id"]]["sha256"] == digest_file(CRATE.parent / part["@id"])
    run = next(entity for entity in entities.values() if entity["@id"] == "#run")
    assert {each["@id"] for each in run["object"]} == {f"#raw/{dataset}" for dataset in DATASETS}
    assert run["result"] == {"@id": f"#artifact/{EXPORT}"}


def test_the_same_receipts_make_the_same_bytes() -> None:
    before = [digest_file(path) for path in (LINEAGE, SHARDS, CRATE)]
    again()
    assert [digest_file(path) for path in (LINEAGE, SHARDS, CRATE)] == before
