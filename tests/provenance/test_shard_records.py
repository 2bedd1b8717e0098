"""All shards of a dataset are one line each in a table and one fold in the lineage."""

import csv
import hashlib
import json
from pathlib import Path

import pytest

from nano3.provenance.lineage import LineageError
from nano3.provenance.shard_records import folded, read_shards, written
from tests.lineage import build
from tests.provenance.conftest import DATASETS, write_again
from tests.receipts import LINEAGE, SHARDS

pytestmark = pytest.mark.usefixtures("lineage")


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


def test_a_shard_rebuilt_after_its_index_is_an_error() -> None:
    path = Path("results/tokens/tiny/web/train/shard_0001.json")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"content": "0" * 64}))
    with pytest.raises(LineageError, match=r"index\.json: was built from another version of .*shard_0001\.json"):
        write_again()


def test_a_table_is_read_as_it_was_written_and_anything_else_is_refused(tmp_path: Path) -> None:
    shards = list(read_shards(SHARDS))
    assert [shard.dataset for shard in shards] == [name for name in DATASETS for _ in range(2)]
    copy = tmp_path / "copy.tsv"
    with written(copy, shards) as lines:
        assert next(lines) == shards[0]
        assert not copy.exists(), "a table appears whole"
        assert list(lines) == shards[1:]
    assert copy.read_bytes() == SHARDS.read_bytes()
    copy.write_text(copy.read_text().replace("origin", "source", 1))
    with pytest.raises(LineageError, match=r"copy\.tsv: not a table of shards: delete it and build it with"):
        next(read_shards(copy))


def test_datasets_are_folded_apart() -> None:
    folds = folded(read_shards(SHARDS))
    assert {name: fold.tokens for name, fold in folds.items()} == {"web": 20_000, "code": 40_000, "maths": 60_000}
    assert {fold.shards for fold in folds.values()} == {2}
    assert len({fold.digest for fold in folds.values()} | {fold.raw_digest for fold in folds.values()}) == 6
