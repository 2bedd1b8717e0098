"""A bundle makes what single jobs make, all that it can, and resumes where it stopped."""

import json
import shutil
from pathlib import Path
from typing import Any, cast

import pytest

from nano3.artifact.digest import digest_file, digest_json
from nano3.artifact.steps import BundleKey
from nano3.corpus.tokenize_bundle import BundleError, tokenize_bundle
from nano3.raw.datasets import Shard, read_pins, write_pins
from tests.tokens.test_tokenize_shard import TOKENIZER, key, tokenize


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


def test_a_bundle_reads_as_its_dataset_says(catalogue: Path, tmp_path: Path) -> None:
    raw = tmp_path / "odd.jsonl"
    raw.write_text('{"text": "a"}\nnonsense\n')
    write_pins(catalogue, [Shard("odd", str(raw), raw.stat().st_size, 2, digest_file(raw))])
    skip: BundleKey = {**bundle_key(digest_json([("odd", digest_file(raw), None)])), "on_bad_row": "skip"}
    with pytest.raises(BundleError, match=r"1 of 2 rows are bad, more than bad_rows_at_most, 0\.01"):
        tokenize_bundle("0-1", catalogue, TOKENIZER, skip, tmp_path, tmp_path / "done.json")
    tokenize_bundle("0-1", catalogue, TOKENIZER, skip, tmp_path, tmp_path / "done.json", bad_rows_at_most=0.5)
    receipt = json.loads((tmp_path / "train/odd.json").read_text())
    assert (receipt["facts"]["bad"], receipt["key"]["on_bad_row"]) == ([1], "skip")
