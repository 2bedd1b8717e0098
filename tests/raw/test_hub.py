"""Datasets of the Hugging Face Hub, pinned and downloaded by the real libraries from a Hub on this machine."""

import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from nano3 import Nano3Error
from nano3.artifact.code import SCRIPTS
from nano3.core.schema import ConfigError
from nano3.raw.datasets import Shard, raw_file, read_dataset, read_pins
from nano3.raw.download import DownloadError, download_shard
from nano3.raw.hub import HubError
from nano3.raw.pin import pin_datasets
from tests.hub import Fault, Hub

README = """---
configs:
- config_name: High-Quality
  data_files:
  - split: train
    path: High-Quality/*.parquet
  - split: heldout
    path: High-Quality/rest/*.parquet
- config_name: High-Quality-Synthetic
  data_files:
  - split: train
    path: High-Quality-Synthetic/*.parquet
---
# A dataset with sibling subsets
"""
REPOSITORY, NO_COMMIT = "org/corpus", "a" * 40


def parquet(*texts: str) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": texts}), sink, compression="none")
    return bytes(sink.getvalue().to_pybytes())


PART = parquet(*(f"document {number} " + "x" * 50 for number in range(100)))
FILES = {
    "README.md": README.encode(),
    "High-Quality/part-0.parquet": PART,
    "High-Quality/part-1.parquet": parquet("a", "b"),
    "High-Quality/rest/part-9.parquet": parquet("held out"),
    "High-Quality-Synthetic/part-0.parquet": parquet("s" * 2000),
}


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


def describe(catalogue: Path, name: str = "corpus", **keys: Any) -> None:
    """Write a dataset's yaml."""
    keys = {"source": f"hf://{REPOSITORY}", "text_column": "text", "category": "x", "licence": "y", "about": "z"} | keys
    (catalogue / f"{name}.yaml").write_text("".join(f"{key}: {value}\n" for key, value in keys.items()))


def test_a_subset_is_its_own_files_and_none_of_a_sibling_whose_name_begins_alike(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    pin_datasets(["corpus"], catalogue)
    assert read_pins("corpus", catalogue) == [
        Shard(f"High-Quality.part-{number}", f"High-Quality/part-{number}.parquet", len(content), None, sha256(content))
        for number, content in ((0, PART), (1, FILES["High-Quality/part-1.parquet"]))
    ]
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality", split="heldout")
    pin_datasets(["corpus"], catalogue)
    assert [shard.name for shard in read_pins("corpus", catalogue)] == ["High-Quality.rest.part-9"]


def test_a_repository_without_a_readme_is_resolved_by_its_folders(hub: Hub, catalogue: Path) -> None:
    files = {f"data/{split}-0000{n}-of-00002.parquet": PART for split in ("train", "test") for n in range(2)}
    describe(catalogue, revision=hub.commit(REPOSITORY, files))
    pin_datasets(["corpus"], catalogue)
    assert [shard.path for shard in read_pins("corpus", catalogue)] == sorted(name for name in files if "train" in name)


def test_pinning_downloads_no_large_file_and_reads_small_ones(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    pin_datasets(["corpus"], catalogue)
    assert not hub.asked("GET .*/High-Quality/part-0.parquet")
    assert hub.asked("GET .*/High-Quality/part-1.parquet")


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


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"source": "hf://org/corpus"}, "revision: this key is missing; write a commit"),
        ({"source": "hf://corpus", "revision": NO_COMMIT}, "source: hf://corpus is not hf://org/repo"),
        ({"source": "hf://org/corpus", "revision": NO_COMMIT, "files": "'*'"}, "files: the Hub knows a subset's files"),
        ({"source": "raw", "files": "'*'", "subset": "a"}, "subset: only a source on the Hub, hf://org/repo, has one"),
        ({"source": "s3://bucket/raw", "files": "'*'", "revision": NO_COMMIT}, "revision: only a source on the Hub"),
        ({"source": "s3://bucket/raw"}, "files: this key is missing; add a glob"),
        ({"source": "https://me:secret@host/raw", "files": "'*'"}, "source: must be one URL without a password"),
    ],
)
def test_a_source_that_cannot_be_meant_names_key_and_remedy(
    catalogue: Path, keys: dict[str, str], message: str
) -> None:
    describe(catalogue, **keys)
    with pytest.raises(ConfigError, match=rf"datasets/corpus\.yaml: {message}"):
        read_dataset("corpus", catalogue)


def gate(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated.add(REPOSITORY)


def gate_with_token(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.gated.add(REPOSITORY)
    monkeypatch.setenv("HF_TOKEN", "hf_of_a_stranger")


def fail(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.faults.append(Fault("auth-check", 500, times=99))


def nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    pass


@pytest.mark.parametrize(
    ("spoil", "keys", "message"),
    [
        (gate, {}, r"org/corpus is gated: set HF_TOKEN to a token of an account that has access"),
        (gate_with_token, {}, r"org/corpus is gated and the account of HF_TOKEN has no access: request it on http"),
        (
            nothing,
            {"source": "hf://org/nothing"},
            r"org/nothing is not a public dataset: correct source, or set HF_TOKEN",
        ),
        (nothing, {"revision": NO_COMMIT}, r"revision: org/corpus has no commit a{40}: write `main`, pin again"),
        (nothing, {"subset": "High"}, r"no subset High: name one of: High-Quality, High-Quality-Synthetic"),
        (nothing, {"subset": None}, r"no default subset: name one of: High-Quality, High-Quality-Synthetic"),
        (nothing, {"split": "test"}, r"split: org/corpus has no split test .*: name one of: train, heldout"),
        (fail, {}, r"the Hub at http://127.0.0.1:\d+ answered 500 for org/corpus every time: try again later"),
    ],
)
def test_what_the_hub_refuses_is_one_sentence(
    hub: Hub,
    catalogue: Path,
    monkeypatch: pytest.MonkeyPatch,
    spoil: Callable[[Hub, pytest.MonkeyPatch], None],
    keys: dict[str, str | None],
    message: str,
) -> None:
    description = {"revision": hub.commit(REPOSITORY, FILES), "subset": "High-Quality"} | keys
    describe(catalogue, **{key: value for key, value in description.items() if value is not None})
    spoil(hub, monkeypatch)
    with pytest.raises(HubError, match=rf"corpus\.yaml: .*{message}") as error:
        pin_datasets(["corpus"], catalogue)
    assert "\n" not in str(error.value)
    assert not (catalogue / "corpus.tsv").exists()


def test_one_bad_answer_stops_no_pinning(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    hub.faults += [Fault("auth-check", 500), Fault("GET .*tree", 503), Fault("POST .*paths-info", 502)]
    pin_datasets(["corpus"], catalogue)
    assert len(read_pins("corpus", catalogue)) == 2
    assert all(fault.times == 0 for fault in hub.faults)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def download(hub: Hub, raw: Path, path: str = "High-Quality/part-0.parquet", content: bytes = PART) -> None:
    """Download a file of the first commit, pinned as `content`."""
    commit = next(iter(hub.repositories[REPOSITORY]))
    download_shard(f"hf://datasets/{REPOSITORY}@{commit}/{path}", sha256(content), len(content), raw)


@pytest.fixture
def raw(hub: Hub, tmp_path: Path) -> Path:
    hub.commit(REPOSITORY, FILES)
    return tmp_path / "resources/raw/corpus/High-Quality.part-0.parquet"


def test_a_download_is_the_pinned_bytes_and_nothing_else(hub: Hub, raw: Path) -> None:
    download(hub, raw)
    assert raw.read_bytes() == PART
    assert sorted(raw.parent.iterdir()) == [raw]


@pytest.mark.parametrize(
    "fault", [Fault("HEAD", 500), Fault("GET .*resolve", 503, times=2), Fault("GET .*resolve", "short")]
)
def test_a_transient_failure_is_retried(hub: Hub, raw: Path, fault: Fault) -> None:
    hub.faults.append(fault)
    download(hub, raw)
    assert raw.read_bytes() == PART
    assert fault.times == 0


def test_a_cut_connection_resumes_where_it_was_cut(hub: Hub, tmp_path: Path) -> None:
    raw, content = tmp_path / "raw.parquet", bytes(range(256)) * 100_000
    commit = hub.commit(REPOSITORY, {"large.parquet": content})
    hub.faults.append(Fault("GET .*resolve", "cut"))
    origin = f"hf://datasets/{REPOSITORY}@{commit}/large.parquet"
    download_shard(origin, sha256(content), len(content), raw)
    assert raw.read_bytes() == content
    first, second = (headers.get("Range") or headers.get("range") for headers in hub.asked("GET .*resolve"))
    assert first is None
    assert second is not None
    assert not second.startswith("bytes=0-")


@pytest.mark.parametrize(
    ("what", "message"),
    [
        (
            "wrong",
            rf"SHA-256 is [0-9a-f]{{64}}, pinned was {hashlib.sha256(PART).hexdigest()}: .* pin its dataset again",
        ),
        ("short", r"should be of size \d+ but has size \d+"),
        (500, r"the Hub at \S+ answered 500 for org/corpus every time"),
        (403, r"HF_TOKEN may not read org/corpus"),
        ("unknown token", r"the Hub at \S+ rejects HF_TOKEN: create a new token on \S+"),
    ],
)
def test_a_failed_download_leaves_nothing(hub: Hub, raw: Path, what: int | str, message: str) -> None:
    hub.faults.append(Fault("(GET|HEAD) .*resolve", what, times=99))
    with pytest.raises(Nano3Error, match=message) as error:
        download(hub, raw)
    assert "\n" not in str(error.value)
    assert list(raw.parent.iterdir()) == []


def test_other_bytes_than_were_pinned_are_refused_by_their_size(hub: Hub, raw: Path) -> None:
    with pytest.raises(DownloadError, match=r"has [\d,]+ bytes where 3 were pinned: .*pin its dataset again"):
        download(hub, raw, content=b"abc")
    assert list(raw.parent.iterdir()) == []


def test_a_file_that_is_gone_says_so(hub: Hub, raw: Path) -> None:
    with pytest.raises(HubError, match=r"moved\.parquet is not in org/corpus at [0-9a-f]{40}: pin its dataset again"):
        download(hub, raw, path="moved.parquet")
    assert list(raw.parent.iterdir()) == []


def test_a_file_has_one_name_here(catalogue: Path) -> None:
    describe(catalogue, revision=NO_COMMIT)
    dataset = read_dataset("corpus", catalogue)
    shard = Shard("a.b", "a/b.jsonl.gz", 1, None, "0" * 64)
    assert raw_file("corpus", dataset, shard) == "resources/raw/corpus/a.b.jsonl.gz"
    assert dataset.origin(shard.path) == f"hf://datasets/org/corpus@{NO_COMMIT}/a/b.jsonl.gz"
    describe(catalogue, source="raw", files="'*'")
    local = read_dataset("corpus", catalogue)
    assert raw_file("x", local, shard) == local.origin(shard.path) == "a/b.jsonl.gz"


def test_an_unreachable_hub_is_one_sentence_without_a_traceback(catalogue: Path) -> None:
    describe(catalogue, revision=NO_COMMIT)
    code = (
        "import sys, time; time.sleep = lambda seconds: None; sys.path.insert(0, sys.argv.pop(1));"
        "import runpy; runpy.run_path(sys.argv.pop(1), run_name='__main__')"
    )
    (catalogue.parent / "config").mkdir()
    catalogue.rename(catalogue.parent / "config/datasets")
    process = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPTS), str(SCRIPTS / "pin_dataset.py"), "corpus"],
        cwd=catalogue.parent,
        env={"HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(catalogue.parent / "home")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    *warnings, sentence = process.stderr.splitlines()
    assert "the Hub at http://127.0.0.1:9 can't be reached" in sentence
    assert "check the network, then try again" in sentence
    assert not any("Traceback" in line for line in warnings)
