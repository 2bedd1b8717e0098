"""Datasets of the Hugging Face Hub, pinned and downloaded by the real libraries from a Hub on this machine."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nano3.artifact.code import SCRIPTS
from nano3.raw.datasets import Shard, read_pins
from nano3.raw.download import download_shard
from nano3.raw.hub import HubError, left_out
from nano3.raw.pin import pin_datasets
from tests.clock import Waits
from tests.hub import Fault, Hub
from tests.raw.corpus import FILES, NO_COMMIT, PART, REPOSITORY, describe, download, parquet, sha256
from tests.web import own_certificate, serving


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
    files = {
        f"data/{split}-0000{n}-of-00002.parquet": parquet(f"{split} {n}")
        for split in ("train", "test")
        for n in range(2)
    }
    describe(catalogue, revision=hub.commit(REPOSITORY, files))
    pin_datasets(["corpus"], catalogue)
    assert [shard.path for shard in read_pins("corpus", catalogue)] == sorted(name for name in files if "train" in name)


def test_pinning_downloads_no_large_file_and_reads_small_ones(hub: Hub, catalogue: Path) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    pin_datasets(["corpus"], catalogue)
    assert not hub.asked("GET .*/High-Quality/part-0.parquet")
    assert hub.asked("GET .*/High-Quality/part-1.parquet")


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


@pytest.mark.parametrize(
    "fault", [Fault("HEAD", 500), Fault("GET .*resolve", 503, times=2), Fault("GET .*resolve", "short")]
)
def test_a_transient_failure_is_retried(hub: Hub, raw: Path, fault: Fault) -> None:
    hub.faults.append(fault)
    download(hub, raw)
    assert raw.read_bytes() == PART
    assert fault.times == 0


def test_a_failure_of_the_fast_client_is_retried(hub: Hub, raw: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import huggingface_hub

    real, failures = huggingface_hub.hf_hub_download, [RuntimeError("Data processing error: CAS service error")]

    def fails_once(*arguments: Any, **options: Any) -> Any:
        if failures:
            raise failures.pop()
        return real(*arguments, **options)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fails_once)
    download(hub, raw)
    assert raw.read_bytes() == PART


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


def test_a_file_that_is_gone_says_so(hub: Hub, raw: Path) -> None:
    with pytest.raises(HubError, match=r"moved\.parquet is not in org/corpus at [0-9a-f]{40}: pin its dataset again"):
        download(hub, raw, path="moved.parquet")
    assert list(raw.parent.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "least"),
    [
        (Fault("auth-check", 429, headers={"Retry-After": "90"}), 90),
        (Fault("auth-check", 503, headers={"Retry-After": "90"}), 90),
        (Fault("auth-check", 429, headers={"ratelimit": '"api";r=0;t=77'}), 77),
        (Fault("GET .*tree", 429, headers={"Retry-After": "90"}), 90),
        (Fault("auth-check", 429, headers={"Retry-After": "86400"}), 600),
    ],
)
def test_a_hub_that_says_wait_is_asked_again_then(
    hub: Hub, catalogue: Path, waits: Waits, fault: Fault, least: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    slept: list[float] = []
    monkeypatch.setattr("time.sleep", slept.append)
    describe(catalogue, revision=hub.commit(REPOSITORY, FILES), subset="High-Quality")
    hub.faults.append(fault)
    pin_datasets(["corpus"], catalogue)
    (wait,) = waits.seconds
    assert least <= wait <= min(1.25 * least, 600)
    assert slept == []  # nor does the library wait


def test_a_download_waits_for_the_hub_for_minutes(hub: Hub, raw: Path, waits: Waits) -> None:
    hub.faults.append(Fault("GET .*resolve", 429, times=99, headers={"Retry-After": "200"}))
    with pytest.raises(HubError, match=r"answered 429 for org/corpus every time: try again in 4 min, as it asks"):
        download(hub, raw)
    assert 480 <= waits.total <= 900


CARD = "---\nlicense: mit\n%s---\n# A dataset\n"
FOLDERS = {"train/a.parquet": PART, "other/b.jsonl": b'{"text": "b"}\n', "other/c.txt": b"no data"}


def configs(pattern: str) -> bytes:
    return (CARD % f"configs:\n- config_name: default\n  data_files: {pattern}\n").encode()


@pytest.mark.parametrize(
    ("files", "message"),
    [
        (
            {"README.md": configs("[a: b: c")},
            r"README\.md: line 5: not YAML: expected ',' or '\]', but got ':': correct",
        ),
        (
            {"README.md": configs("*.parquet")},
            r"README\.md: line 5: not YAML: expected alphabetic or numeric character",
        ),
        ({"README.md": b"---\nlicense: \xff\xfe\n---\n"}, r"README\.md: byte 0xff is not UTF-8: correct that and use"),
        ({"README.md": (CARD % "").encode() + b"Gr\xfc\xdfe"}, r"README\.md: byte 0xfc is not UTF-8"),
        ({"README.md": configs("nowhere/*.parquet")}, r"no data files where its README\.md or its folders say \(No "),
        ({"README.md": configs("../*.parquet")}, r"no data files where its README\.md or its folders say"),
        ({"README.md": configs("5")}, r"README\.md can't be understood: Expected data_files in YAML to be either a"),
        ({"README.md": b"---\n- a list\n---\n"}, r"README\.md can't be understood: repo card metadata block should be"),
        ({"README.md": b"---\nconfigs: all\n---\n"}, r"README\.md can't be understood: Expected configs to be a list"),
        (
            {"README.md": b"---\ndataset_info:\n  features: 5\n---\n"},
            r"README\.md can't be understood: Expected a dict",
        ),
        (
            {"corpus.py": b"import datasets"},
            r"scripts are no longer supported.*: use a commit of its branch refs/convert",
        ),
    ],
)
def test_a_card_that_says_nothing_is_one_sentence_at_once(
    hub: Hub, catalogue: Path, waits: Waits, files: dict[str, bytes], message: str
) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, FOLDERS | files))
    with pytest.raises(HubError, match=rf"corpus\.yaml: org/corpus at [0-9a-f]{{40}}: .*{message}") as error:
        pin_datasets(["corpus"], catalogue)
    assert "\n" not in str(error.value)
    assert waits.seconds == []
    assert not (catalogue / "corpus.tsv").exists()


@pytest.mark.parametrize("files", [{}, {"README.md": b"# Nothing yet"}, {"a.xyz": b"?"}])
def test_a_repository_without_data_files_is_one_sentence(hub: Hub, catalogue: Path, files: dict[str, bytes]) -> None:
    describe(catalogue, revision=hub.commit(REPOSITORY, {".gitattributes": b""} | files))
    with pytest.raises(
        HubError, match=r"corpus\.yaml: org/corpus at .*: no data files where its README\.md or its folders"
    ):
        pin_datasets(["corpus"], catalogue)


@pytest.mark.parametrize(
    ("files", "subset", "rest"),
    [
        (FILES, "High-Quality", []),
        (FILES | {"more/x.jsonl": b"{}", "notes.txt": b""}, "High-Quality", ["more/x.jsonl"]),
        (FOLDERS, None, ["other/b.jsonl"]),
        ({"a.parquet": PART, "b.jsonl": b"{}", "c.jsonl": b"{ }"}, None, ["a.parquet"]),
        ({"a.parquet": PART, "dataset_infos.json": b"{}", ".cache/b.json": b"{}", "_c.jsonl": b"{}"}, None, []),
        ({"train/a.parquet": PART, "test/a.parquet": PART}, None, []),
    ],
)
def test_data_files_in_no_split_are_told(
    hub: Hub, catalogue: Path, files: dict[str, bytes], subset: str | None, rest: list[str]
) -> None:
    commit = hub.commit(REPOSITORY, files)
    assert left_out(REPOSITORY, commit, subset) == rest
    describe(catalogue, revision=commit, **({"subset": subset} if subset else {}))
    line = f"corpus: {len(rest)} data file of org/corpus in no split of any subset: {', '.join(rest)}"
    assert (line in pin_datasets(["corpus"], catalogue)) == bool(rest)


@pytest.mark.parametrize(
    ("endpoint", "environment", "said"),
    [
        (
            "http://127.0.0.1:9",
            {},
            r"can't be reached \(\[Errno 111\] Connection refused\): check the network, then try",
        ),
        (
            "http://hub.invalid",
            {"http_proxy": "http://me:secret@127.0.0.1:9"},
            r"can't be reached through the proxy http://127\.0\.0\.1:9: correct or unset HTTPS_PROXY and HTTP_PROXY",
        ),
        (
            "TLS",
            {},
            r"shows a certificate that is not trusted \(self.signed certificate\): put the certificate of its iss",
        ),
        ("http://127.0.0.1:9", {"HF_HUB_OFFLINE": "1"}, r"HF_HUB_OFFLINE is set: unset it to reach the Hub"),
    ],
)
def test_a_hub_that_gives_no_answer_is_one_sentence_and_nothing_else(
    catalogue: Path, endpoint: str, environment: dict[str, str], said: str
) -> None:
    describe(catalogue, revision=NO_COMMIT)
    code = (
        "import sys; sys.path.insert(0, sys.argv.pop(1)); from nano3.core import retry; waits = [];"
        "retry.CLOCK = retry.Clock(now=lambda: sum(waits), sleep=waits.append);"
        "from nano3.commands.main import main; main()"
    )
    (catalogue.parent / "config").mkdir()
    catalogue.rename(catalogue.parent / "config/datasets")
    with serving(own_certificate(catalogue.parent)) as web:
        place = {"HF_ENDPOINT": endpoint.replace("TLS", web.url), "HF_HOME": str(catalogue.parent / "home")}
        process = subprocess.run(
            [sys.executable, "-c", code, str(SCRIPTS), "pin", "corpus"],
            cwd=catalogue.parent,
            env=place | environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert re.match(rf"nano3 pin: config/datasets/corpus\.yaml: (the Hub at \S+ )?{said}", line), line
