"""A bundle makes what single jobs make, all that it can, and resumes where it stopped."""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from nano3.artifact.digest import digest_file, digest_json
from nano3.artifact.steps import BundleKey, IndexReceipt, read_receipt
from nano3.core.retry import UNATTENDED
from nano3.corpus.index_dataset import index_dataset
from nano3.corpus.shard_table import read_entries
from nano3.corpus.tokenize_bundle import BundleError, tokenize_bundle
from nano3.raw.datasets import Shard, read_pins, write_pins
from nano3.raw.pin import pin_datasets
from tests.clock import Waits
from tests.raw.corpus import describe
from tests.receipts import INDEX_KEY
from tests.tokens.test_tokenize_shard import TOKENIZER, key, tokenize
from tests.web import serving


@pytest.fixture
def catalogue(tmp_path: Path) -> Path:
    """A dataset `math` of three shards."""
    shutil.copy("config/datasets/tiny-math.yaml", tmp_path / "math.yaml")
    write_pins(tmp_path / "math.tsv", read_pins("tiny-math"))
    return tmp_path / "math.tsv"


def bundle_key(shards: str) -> BundleKey:
    shared = {what: value for what, value in key(TOKENIZER, 0).items() if what not in ("sha256", "rows")}
    return cast(BundleKey, shared | {"shards": shards})


def tokenized(pins: Path, folder: Path, name: str = "0-3") -> None:
    listed = [(shard.name, shard.sha256, None) for shard in read_pins("math", pins.parent)]
    tokenize_bundle(name, pins, TOKENIZER, bundle_key(digest_json(listed)), folder, folder / "done.json")


def contents(folder: Path) -> dict[str, Any]:
    return {path.stem: json.loads(path.read_text())["content"] for path in sorted(folder.glob("train/*.json"))}


def test_a_bundle_makes_what_single_jobs_make(catalogue: Path, tmp_path: Path) -> None:
    for shard in read_pins("math", tmp_path):
        tokenize(Path(shard.path), tmp_path / "single", rows=None)
    tokenized(catalogue, tmp_path / "bundle")
    assert contents(tmp_path / "bundle") == contents(tmp_path / "single") != {}
    assert json.loads((tmp_path / "bundle/done.json").read_text())["made"] == 3


def test_a_bundle_goes_on_where_it_stopped(catalogue: Path, tmp_path: Path) -> None:
    tokenized(catalogue, tmp_path, "0-2")
    before = {path: path.stat().st_ino for path in tmp_path.glob("train/*")}
    tokenized(catalogue, tmp_path)
    assert {path: path.stat().st_ino for path in before} == before
    assert len(contents(tmp_path)) == 3


def test_a_shard_that_fails_does_not_stop_the_others_and_the_bundle_fails(catalogue: Path, tmp_path: Path) -> None:
    first, *others = read_pins("math", tmp_path)
    write_pins(catalogue, [Shard(first.name, first.path, first.bytes, first.rows, "0" * 64), *others])
    with pytest.raises(BundleError, match=r"1 of 3 shards failed:\n.*set-mm-00.*pinned was 0000"):
        tokenized(catalogue, tmp_path)
    assert list(contents(tmp_path)) == [shard.name for shard in others]
    assert not (tmp_path / "done.json").exists()


def test_another_catalogue_than_was_planned_is_refused(catalogue: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"math\.tsv: changed while the graph was running: run snakemake again"):
        tokenize_bundle("0-3", catalogue, TOKENIZER, bundle_key("0" * 64), tmp_path, tmp_path / "done.json")


ODD = [
    "-a",
    "a b",
    "a'b",
    'a"b',
    "a$HOME",
    "a;b",
    "[a]",
    "a*",
    "日本",
    "a\\b",
    "--help",
    " a",
    "a%20b",
    ("abcdefghijklmnopqrstuvwxyz" * 10)[:235],
]


def test_shards_of_odd_names_are_tokenized_and_indexed(tmp_path: Path) -> None:
    raw = tmp_path / "raw files"
    raw.mkdir()
    for name in ODD:
        (raw / f"{name}.jsonl").write_text(json.dumps({"text": f"this is the document of {name}"}) + "\n")
    describe(tmp_path, "math", source=f"'{raw}'", files="'*'")
    pin_datasets(["math"], tmp_path)
    pins, folder = tmp_path / "math.tsv", tmp_path / "tokens"
    tokenized(pins, folder, f"0-{len(ODD)}")
    index_dataset(folder, pins, INDEX_KEY, folder / "index.json", folder / "valid", folder / "test")
    facts = read_receipt(folder / "index.json", IndexReceipt).facts
    assert [entry.shard for entry in read_entries(folder, facts.shards.digest)] == sorted(ODD)
    assert facts.documents + facts.valid.documents + facts.test.documents == len(ODD)


def test_a_server_that_is_out_is_not_asked_for_the_other_shards(catalogue: Path, tmp_path: Path, waits: Waits) -> None:
    description = (
        (tmp_path / "math.yaml").read_text().replace("source: resources/tiny/math", "source: http://127.0.0.1:9")
    )
    (tmp_path / "math.yaml").write_text(description)
    pins = [replace(shard, path=Path(shard.path).name) for shard in read_pins("math", tmp_path)]
    write_pins(catalogue, pins)
    with pytest.raises(BundleError, match=r"1 of 1 shards failed:\n.*set-mm-00.*can't be reached") as error:
        tokenized(catalogue, tmp_path)
    assert "set-mm-01" not in str(error.value)
    assert waits.total < 2 * UNATTENDED.seconds


def test_a_file_that_is_gone_does_not_stop_the_other_shards(catalogue: Path, tmp_path: Path) -> None:
    with serving() as web:
        shards = read_pins("math", tmp_path)
        web.files = {f"/{Path(shard.path).name}": Path(shard.path).read_bytes() for shard in shards[1:]}
        description = (tmp_path / "math.yaml").read_text().replace("source: resources/tiny/math", f"source: {web.url}")
        (tmp_path / "math.yaml").write_text(description)
        write_pins(catalogue, [replace(shard, path=Path(shard.path).name) for shard in shards])
        with pytest.raises(BundleError, match=r"1 of 3 shards failed:\n.*set-mm-00.*no such file"):
            tokenized(catalogue, tmp_path)
    assert len(contents(tmp_path)) == 2


def test_a_bundle_reads_as_its_dataset_says(catalogue: Path, tmp_path: Path) -> None:
    raw = tmp_path / "odd.jsonl"
    raw.write_text('{"text": "a"}\nnonsense\n')
    write_pins(catalogue, [Shard("odd", str(raw), raw.stat().st_size, 2, digest_file(raw))])
    skip: BundleKey = {**bundle_key(digest_json([("odd", digest_file(raw), None)])), "on_bad_row": "skip"}
    with pytest.raises(BundleError, match=r"1 of 2 rows is bad, more than bad_rows_at_most, 0\.01"):
        tokenize_bundle("0-1", catalogue, TOKENIZER, skip, tmp_path, tmp_path / "done.json")
    tokenize_bundle("0-1", catalogue, TOKENIZER, skip, tmp_path, tmp_path / "done.json", bad_rows_at_most=0.5)
    receipt = json.loads((tmp_path / "train/odd.json").read_text())
    assert (receipt["facts"]["bad"], receipt["key"]["on_bad_row"]) == ([1], "skip")
