"""A lineage in W3C PROV and as a crate: complete, folded, readable by others."""

import json

import pytest
from prov.model import ProvActivity, ProvAgent, ProvDocument, ProvEntity

from nano3.artifact.digest import digest_file
from nano3.artifact.receipt import Run
from nano3.provenance.lineage import closure
from tests.lineage import build
from tests.provenance.conftest import DATASETS, crate, write_again
from tests.receipts import CHECKPOINTS, CRATE, EXPORT, LINEAGE, SHARDS

pytestmark = pytest.mark.usefixtures("lineage")


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


def test_the_same_receipts_make_the_same_bytes() -> None:
    before = [digest_file(path) for path in (LINEAGE, SHARDS, CRATE)]
    write_again()
    assert [digest_file(path) for path in (LINEAGE, SHARDS, CRATE)] == before


def test_validation_sets_that_a_segment_left_out_are_said_with_the_reason() -> None:
    path = CHECKPOINTS / "long_context/long_1/receipt.json"
    receipt = json.loads(path.read_text())
    receipt["facts"]["skipped_validation"] = {"web": 300, "code": 0}
    path.write_text(json.dumps(receipt))
    write_again()
    activities = json.loads(LINEAGE.read_text())["activity"]
    said = {
        name: each["nano3:skippedValidation"] for name, each in activities.items() if "nano3:skippedValidation" in each
    }
    assert said == {
        f"step:{path}": [
            "code: 0 tokens, a sequence of 1,024 needs 1,025",
            "web: 300 tokens, a sequence of 1,024 needs 1,025",
        ]
    }
