"""Pins are the content of a source: they change with its bytes alone, and pinning reports what changed."""

import gzip
import shutil
from pathlib import Path

import pytest

from nano3 import Nano3Error
from nano3.core.schema import ConfigError
from nano3.raw.datasets import DATASETS, read_dataset, read_pins
from nano3.raw.hub import HubError
from nano3.raw.pin import pin_datasets
from tests.conftest import REPOSITORY as ROOT
from tests.hub import Hub
from tests.raw.corpus import FILES, PART, README, REPOSITORY, describe, parquet


def test_the_same_bytes_under_another_commit_are_the_same_pins(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    pin_datasets(["corpus"], catalogue)
    before = (catalogue / "corpus.tsv").read_bytes()
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    assert len(pin_datasets(["corpus"], catalogue)) == 1
    assert (catalogue / "corpus.tsv").read_bytes() == before


def test_rows_are_counted_on_request_and_kept_while_the_bytes_stay(hub: Hub, catalogue: Path) -> None:
    lines = gzip.compress(b'{"text": "one"}\n{"text": "two"}\n{"text": "three"}\n')
    large = parquet(*(f"{number} " + "y" * 100_000 for number in range(100)))
    files = {"train/a.parquet": large, "train/b.parquet": PART}
    describe(catalogue, revision=hub.commit(REPOSITORY, files))
    describe(catalogue, "lines", revision=hub.commit("org/lines", {"train.jsonl.gz": lines}), source="hf://org/lines")
    hub.requests.clear()
    changes = pin_datasets(["corpus", "lines"], catalogue, rows=True)
    assert "corpus: added train.a" in changes
    assert [shard.rows for shard in read_pins("corpus", catalogue)] == [100, 100]
    assert [shard.rows for shard in read_pins("lines", catalogue)] == [3]
    ranges = [
        headers.get("Range") or headers.get("range", "") for headers in hub.asked("GET .*resolve.*/train/a.parquet")
    ]
    assert ranges
    assert all(ranges)
    hub.requests.clear()
    pin_datasets(["corpus"], catalogue)
    assert [shard.rows for shard in read_pins("corpus", catalogue)] == [100, 100]
    assert not hub.asked("GET .*resolve.*parquet")


def test_a_branch_is_refused_with_its_commit(hub: Hub, catalogue: Path) -> None:
    commit = hub.commit(REPOSITORY, FILES)
    describe(catalogue, revision="main")
    with pytest.raises(ConfigError, match=rf"corpus\.yaml: revision: main can move: write `revision: {commit}`"):
        pin_datasets(["corpus"], catalogue)
    with pytest.raises(ConfigError, match=r"revision: main can move; write a commit.*pin_dataset\.py prints today's"):
        read_dataset("corpus", catalogue)


def test_an_abbreviated_commit_is_completed_in_the_description(hub: Hub, catalogue: Path) -> None:
    commit = hub.commit(REPOSITORY, FILES)
    hub.commit(REPOSITORY, FILES | {"README.md": README.encode() + b"more"})
    describe(catalogue, revision=f'"{commit[:7]}"   # of its commit', subset="High-Quality")
    assert read_dataset("corpus", catalogue).abbreviated
    changes = pin_datasets(["corpus"], catalogue)
    assert changes[0] == f"corpus: revision {commit[:7]} is {commit}: written to {catalogue}/corpus.yaml"
    assert f'revision: "{commit}"   # of its commit\n' in (catalogue / "corpus.yaml").read_text()
    assert not read_dataset("corpus", catalogue).abbreviated
    assert pin_datasets(["corpus"], catalogue) == changes[-1:]


def test_an_abbreviation_of_no_commit_is_an_error(hub: Hub, catalogue: Path) -> None:
    hub.commit(REPOSITORY, FILES)
    describe(catalogue, revision="abcdef0")
    with pytest.raises(HubError, match=r"org/corpus has no commits on main that begin with abcdef0: write one"):
        pin_datasets(["corpus"], catalogue)


def test_a_raw_file_of_two_datasets_is_reported(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, "one", revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    describe(catalogue, "two", revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    pin_datasets(["one"], catalogue)
    assert pin_datasets(["two"], catalogue)[-2] == (
        "two: 2 of its raw files are also claimed by one, e.g. hf://org/corpus/High-Quality/part-0.parquet"
    )


@pytest.fixture
def math(catalogue: Path) -> None:
    """A dataset in the catalogue whose raw shards may be edited."""
    shutil.copytree(ROOT / "resources/tiny/math", "raw")
    describe(catalogue, "math", source="raw", files="'*.jsonl.gz'", category="math")


def test_the_committed_pins_are_those_of_the_committed_shards() -> None:
    for dataset in ("tiny-code", "tiny-english", "tiny-math", "tiny-spanish"):
        before = (DATASETS / f"{dataset}.tsv").read_bytes()
        assert len(pin_datasets([dataset])) == 1
        assert (DATASETS / f"{dataset}.tsv").read_bytes() == before


def test_an_unknown_dataset_names_the_nearest_one() -> None:
    with pytest.raises(ConfigError, match=r"^config/datasets/tiny-mth\.yaml: no such file; did you mean tiny-math\?$"):
        pin_datasets(["tiny-mth"])


@pytest.mark.usefixtures("math")
def test_pinning_says_what_changed_and_keeps_the_rest(catalogue: Path) -> None:
    assert pin_datasets(["math"], catalogue)[:3] == [f"math: added set-mm-0{number}" for number in range(3)]
    before = read_pins("math", catalogue)
    Path("raw/set-mm-01.jsonl.gz").rename("raw/set-mm-03.jsonl.gz")
    changes = pin_datasets(["math"], catalogue)
    assert changes[:-1] == ["math: removed set-mm-01", "math: added set-mm-03"]
    after = read_pins("math", catalogue)
    assert (after[0], after[1]) == (before[0], before[2])
    assert after[2].sha256 == before[1].sha256


@pytest.mark.usefixtures("math")
def test_two_files_of_one_name_are_refused(catalogue: Path) -> None:
    (catalogue / "math.yaml").write_text((catalogue / "math.yaml").read_text().replace("'*.jsonl.gz'", "'*'"))
    Path("raw/set-mm-00.jsonl").write_text('{"text": "x"}\n')
    with pytest.raises(ConfigError, match="would both be shard set-mm-00"):
        pin_datasets(["math"], catalogue)


# The time in it would be in the tests' names, and differ from process to process.
ONE_LINE = gzip.compress(b'{"text": "x"}\n', mtime=0)


@pytest.mark.usefixtures("math")
@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("x{y}.jsonl.gz", ONE_LINE, "can't have braces: rename it"),
        ("cut.jsonl.gz", ONE_LINE[:-9], "cut.jsonl.gz: the compressed data is cut"),
    ],
)
def test_a_file_that_cannot_be_a_shard_is_named_when_pinning(
    catalogue: Path, name: str, content: bytes, message: str
) -> None:
    (Path("raw") / name).write_bytes(content)
    with pytest.raises(Nano3Error, match=message):
        pin_datasets(["math"], catalogue)


@pytest.mark.usefixtures("math")
def test_a_source_without_files_is_an_error(catalogue: Path) -> None:
    shutil.rmtree("raw")
    with pytest.raises(ConfigError, match=r"math\.yaml: no file matches"):
        pin_datasets(["math"], catalogue)
