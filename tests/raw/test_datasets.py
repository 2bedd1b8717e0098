import gzip
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from nano3 import Nano3Error
from nano3.core.schema import ConfigError
from nano3.raw.datasets import DATASETS, Shard, read_pins, sampled, write_pins
from nano3.raw.pin import pin_datasets
from tests.conftest import REPOSITORY

SHARDS = [Shard(name, f"raw/{name}.parquet", 10, rows, "0" * 64) for name, rows in (("a", 5), ("b", 3), ("c", 4))]


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A catalogue of one dataset whose raw shards may be edited."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(REPOSITORY / "resources/tiny/math", "raw")
    folder = tmp_path / "datasets"
    folder.mkdir()
    text = (
        "source: raw\nfiles: '*.jsonl.gz'\ntext_column: text\ncategory: math\nlicence: CC0-1.0\nabout: Mathematics.\n"
    )
    (folder / "math.yaml").write_text(text)
    return folder


def test_pins_read_back_as_written(tmp_path: Path) -> None:
    write_pins(tmp_path / "x.tsv", SHARDS[::-1])
    assert read_pins("x", tmp_path) == SHARDS


def test_the_committed_pins_are_those_of_the_committed_shards() -> None:
    for dataset in ("tiny-code", "tiny-english", "tiny-math", "tiny-spanish"):
        before = (DATASETS / f"{dataset}.tsv").read_bytes()
        assert len(pin_datasets([dataset])) == 1
        assert (DATASETS / f"{dataset}.tsv").read_bytes() == before


def test_a_missing_pin_says_how_to_pin(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"x\.tsv: dataset x is not pinned: run `python scripts/pin_dataset\.py x`"):
        read_pins("x", tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("a\traw/a.parquet\t10\t5", "line 5: not a pinned shard"),
        ("d\traw/d.parquet\tten\t5\t" + "0" * 64, "line 5: not a pinned shard"),
        ("d\traw/d.parquet\t10\t5\tabc", "line 5: not a SHA-256"),
        ("a\traw/a.parquet\t10\t5\t" + "0" * 64, "shard a is listed more than once"),
    ],
)
def test_a_damaged_line_is_named(tmp_path: Path, line: str, message: str) -> None:
    write_pins(tmp_path / "x.tsv", SHARDS)
    with (tmp_path / "x.tsv").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(ConfigError, match=message):
        read_pins("x", tmp_path)


def test_a_sample_is_the_first_rows_in_catalogue_order() -> None:
    assert [(shard.name, rows) for shard, rows in sampled(SHARDS, 7)] == [("a", None), ("b", 2)]
    assert [(shard.name, rows) for shard, rows in sampled(SHARDS, 0)] == [("a", None), ("b", None), ("c", None)]
    assert [(shard.name, rows) for shard, rows in sampled(SHARDS, 100)] == [("a", None), ("b", None), ("c", None)]


def test_a_sample_needs_the_rows_of_the_shards_up_to_its_end(tmp_path: Path) -> None:
    shards = [SHARDS[0], replace(SHARDS[1], rows=None), SHARDS[2]]
    write_pins(tmp_path / "x.tsv", shards)
    assert read_pins("x", tmp_path) == shards
    assert [rows for _, rows in sampled(shards, 5)] == [None]
    assert [rows for _, rows in sampled(shards, 0)] == [None, None, None]
    with pytest.raises(ConfigError, match=r"shard b, .*: run `python scripts/pin_dataset\.py --rows x`"):
        sampled(shards, 6, "x")


def test_an_unknown_dataset_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"^config/datasets/tiny-mth\.yaml: no such file; did you mean tiny-math\?$"):
        pin_datasets(["tiny-mth"])


def test_pinning_says_what_changed_and_keeps_the_rest(catalogue: Path) -> None:
    assert pin_datasets(["math"], catalogue)[:3] == [f"math: added set-mm-0{number}" for number in range(3)]
    before = read_pins("math", catalogue)
    Path("raw/set-mm-01.jsonl.gz").rename("raw/set-mm-03.jsonl.gz")
    changes = pin_datasets(["math"], catalogue)
    assert changes[:-1] == ["math: removed set-mm-01", "math: added set-mm-03"]
    after = read_pins("math", catalogue)
    assert (after[0], after[1]) == (before[0], before[2])
    assert after[2].sha256 == before[1].sha256


def test_two_files_of_one_name_are_refused(catalogue: Path) -> None:
    (catalogue / "math.yaml").write_text((catalogue / "math.yaml").read_text().replace("'*.jsonl.gz'", "'*'"))
    Path("raw/set-mm-00.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(ConfigError, match="would both be shard set-mm-00"):
        pin_datasets(["math"], catalogue)


# The time in it would be in the tests' names, and differ from process to process.
ONE_LINE = gzip.compress(b'{"text": "x"}\n', mtime=0)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x{y}.jsonl.gz", ONE_LINE, "can't have braces: rename it"),
        ("cut.jsonl.gz", ONE_LINE[:-9], "cut.jsonl.gz: the compressed data is damaged or cut"),
    ],
)
def test_a_file_that_cannot_be_a_shard_is_named_when_pinning(
    catalogue: Path, name: str, content: bytes, message: str
) -> None:
    (Path("raw") / name).write_bytes(content)
    with pytest.raises(Nano3Error, match=message):
        pin_datasets(["math"], catalogue)


def test_a_source_without_files_is_an_error(catalogue: Path) -> None:
    shutil.rmtree("raw")
    with pytest.raises(ConfigError, match=r"math\.yaml: no file matches"):
        pin_datasets(["math"], catalogue)
