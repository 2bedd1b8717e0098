"""The lineage as an RO-Crate. Whether it is a valid one: make test-crate."""

import pytest

from nano3.artifact.digest import digest_file
from nano3.provenance.ro_crate import content_uri
from tests.provenance.conftest import DATASETS, crate
from tests.receipts import CRATE, EXPORT

pytestmark = pytest.mark.usefixtures("lineage")


def test_the_crate_names_files_by_content_and_holds_its_own() -> None:
    entities = crate()
    assert content_uri(digest_file(EXPORT.parent / "model/model.safetensors")) in entities
    for part in entities["./"]["hasPart"]:
        if ":" not in part["@id"]:
            assert entities[part["@id"]]["sha256"] == digest_file(CRATE.parent / part["@id"])
    run = next(entity for entity in entities.values() if entity["@id"] == "#run")
    assert {each["@id"] for each in run["object"]} == {f"#raw/{dataset}" for dataset in DATASETS}
    assert run["result"] == {"@id": f"#artifact/{EXPORT}"}


def test_a_contents_name_is_that_of_the_rfc() -> None:
    example = "7f83b1657ff1fc53b92dc18148a1d65dfc2d4b1fa3d677284addd200126d9069"  # of "Hello World!"
    assert content_uri(example) == "ni:///sha-256;f4OxZX_x_FO5LcGBSKHWXfwtSx-j1ncoSt3SABJtkGk"
