"""Raw shards at URLs: fsspec's own drivers for files and HTTP, and S3 from a server on this machine."""

import hashlib
import os
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from fsspec.registry import _registry

from nano3.core.schema import ConfigError
from nano3.raw import remote
from nano3.raw.datasets import read_pins
from nano3.raw.download import download_shard
from nano3.raw.pin import pin_datasets
from nano3.raw.remote import PART, UrlError
from tests.raw.corpus import describe

LINES = b"".join(b'{"text": "document %d"}\n' % number for number in range(1000))


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("time.sleep", lambda _seconds: None)
    monkeypatch.setattr("nano3.raw.remote.CHUNK_BYTES", 4096)
    (tmp_path / "there/deep").mkdir(parents=True)
    (tmp_path / "there/deep/part-0.jsonl").write_bytes(LINES)
    (tmp_path / "there/deep/other.txt").write_bytes(b"not a shard")
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


@pytest.fixture
def website(tmp_path: Path) -> Iterator[str]:
    """The folder `there`, over HTTP."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path / "there")))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def bucket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The folder `there`, in S3."""
    import s3fs
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    for key, value in {
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_ACCESS_KEY_ID": "someone",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_DEFAULT_REGION": "us-east-1",
    }.items():
        monkeypatch.setenv(key, value)
    s3fs.S3FileSystem.clear_instance_cache()
    system = s3fs.S3FileSystem(skip_instance_cache=True)
    system.mkdir("corpus")
    system.put(str(tmp_path / "there/deep"), "corpus/raw/deep", recursive=True)
    yield "s3://corpus/raw"
    server.stop()
    s3fs.S3FileSystem.clear_instance_cache()


def pinned_and_downloaded(catalogue: Path, source: str) -> None:
    """Pin the shard of `there`, count it, download it."""
    describe(catalogue, source=source, files="'deep/*.jsonl'")
    pin_datasets(["corpus"], catalogue, rows=True)
    (shard,) = read_pins("corpus", catalogue)
    assert (shard.name, shard.path, shard.bytes, shard.rows) == ("deep.part-0", "deep/part-0.jsonl", len(LINES), 1000)
    assert shard.sha256 == hashlib.sha256(LINES).hexdigest()
    raw = Path("resources/raw/corpus/deep.part-0.jsonl")
    download_shard(f"{source}/{shard.path}", shard.sha256, shard.bytes, raw)
    assert raw.read_bytes() == LINES
    assert sorted(raw.parent.iterdir()) == [raw]


def test_files_by_url(catalogue: Path) -> None:
    pinned_and_downloaded(catalogue, f"file://{catalogue.parent}/there")


def test_files_over_http(catalogue: Path, website: str) -> None:
    describe(catalogue, source=f"{website}/deep", files="'*.jsonl'")
    pin_datasets(["corpus"], catalogue, rows=True)
    (shard,) = read_pins("corpus", catalogue)
    assert (shard.path, shard.bytes, shard.rows) == ("part-0.jsonl", len(LINES), 1000)
    raw = Path("resources/raw/corpus/part-0.jsonl")
    download_shard(f"{website}/deep/part-0.jsonl", shard.sha256, shard.bytes, raw)
    assert raw.read_bytes() == LINES


def test_files_in_s3(catalogue: Path, bucket: str) -> None:
    pinned_and_downloaded(catalogue, bucket)


def test_a_killed_download_is_resumed(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, folder = f"file://{catalogue.parent}/there/deep/part-0.jsonl", catalogue.parent / "folder"
    folder.mkdir()
    (folder / PART).write_bytes(LINES[:10_000])
    begins: list[int] = []
    chunks = remote.chunks

    def record(url: str, begin: int = 0) -> Iterator[bytes]:
        begins.append(begin)
        return chunks(url, begin)

    monkeypatch.setattr("nano3.raw.remote.chunks", record)
    assert remote.fetch(url, folder).read_bytes() == LINES
    assert begins == [10_000]


def test_a_killed_download_restarts_if_the_server_has_no_ranges(catalogue: Path, website: str) -> None:
    folder = catalogue.parent / "folder"
    folder.mkdir()
    (folder / PART).write_bytes(b"?" * 10_000)
    assert remote.fetch(f"{website}/deep/part-0.jsonl", folder).read_bytes() == LINES


def test_a_broken_connection_is_resumed_a_few_times(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    url, open_file, openings = f"file://{catalogue.parent}/there/deep/part-0.jsonl", remote._open, 0

    class Breaks:
        """A file that breaks after its second read."""

        def __init__(self, url: str, anywhere: bool) -> None:
            nonlocal openings
            openings += 1
            self.file, self.left = open_file(url, anywhere), 2
            self.seek, self.close = self.file.seek, self.file.close

        def read(self, size: int) -> bytes:
            self.left -= 1
            if self.left < 0:
                raise ConnectionResetError("connection reset")
            return bytes(self.file.read(size))

    monkeypatch.setattr("nano3.raw.remote._open", Breaks)
    assert b"".join(remote.chunks(url)) == LINES
    assert openings > 2
    monkeypatch.setattr(Breaks, "read", lambda _self, _size: os.read(-1, 1))
    openings = 0
    with pytest.raises(UrlError, match=r"part-0\.jsonl: can't be read: OSError: .*: try again later"):
        list(remote.chunks(url))
    assert openings == 5


def test_a_missing_url_is_named(catalogue: Path, website: str) -> None:
    for url in (f"file://{catalogue.parent}/nothing.jsonl", f"{website}/nothing.jsonl"):
        with pytest.raises(UrlError, match=r"nothing\.jsonl: no such file: correct source, then pin"):
            download_shard(url, "0" * 64, 1, catalogue.parent / "raw.jsonl")
        assert not list(catalogue.parent.glob("*raw.jsonl*"))


def test_a_driver_that_is_missing_says_how_to_get_it(catalogue: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    monkeypatch.delitem(_registry, "s3", raising=False)
    describe(catalogue, source="s3://bucket/raw", files="'*.jsonl'")
    with pytest.raises(UrlError, match=r"s3://bucket/raw: needs a driver .*: `pip install 'nano3-pretraining\[s3\]'`"):
        pin_datasets(["corpus"], catalogue)
    describe(catalogue, source="nowhere://bucket/raw", files="'*.jsonl'")
    with pytest.raises(UrlError, match=r"nowhere://bucket/raw: .*Protocol not known: nowhere: correct source"):
        pin_datasets(["corpus"], catalogue)


@pytest.mark.parametrize("folder", ["a[1]", "b*"])
def test_a_folder_whose_name_looks_like_a_glob_is_taken_as_it_is(catalogue: Path, folder: str) -> None:
    (catalogue.parent / "there/deep").rename(catalogue.parent / folder)
    (catalogue.parent / "bc").mkdir()
    (catalogue.parent / "bc/other.jsonl").touch()
    assert remote.list_files(f"file://{catalogue.parent}/{folder}", "*.jsonl") == {"part-0.jsonl": len(LINES)}


def test_hidden_files_at_a_website_are_left_out_and_told(catalogue: Path, website: str) -> None:
    for name in ("._part-0.jsonl", "_SUCCESS.jsonl"):
        (catalogue.parent / "there/deep" / name).write_bytes(b"x")
    describe(catalogue, source=f"{website}/deep", files="'*.jsonl'")
    told = "corpus: 2 hidden names left out: ._part-0.jsonl, _SUCCESS.jsonl; "
    assert any(line.startswith(told) for line in pin_datasets(["corpus"], catalogue))
    assert [shard.path for shard in read_pins("corpus", catalogue)] == ["part-0.jsonl"]


def test_links_are_followed_by_a_url_of_files_too(catalogue: Path) -> None:
    there = catalogue.parent / "there"
    (there / "linked").symlink_to("deep")
    (there / "deep/up").symlink_to("..")
    describe(catalogue, source=f"file://{there}", files="'**/*.jsonl'", duplicates="keep")
    told = pin_datasets(["corpus"], catalogue)
    assert [shard.path for shard in read_pins("corpus", catalogue)] == ["deep/part-0.jsonl", "linked/part-0.jsonl"]
    assert sum("by a link one of the folders that it lies in" in line for line in told) == 2
    (there / "gone.jsonl").symlink_to("nothing")
    with pytest.raises(ConfigError, match=r"gone\.jsonl: a link to nothing, which does not exist"):
        pin_datasets(["corpus"], catalogue)
