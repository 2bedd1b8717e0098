"""Raw shards at URLs: fsspec's own drivers for files and HTTP, and S3, from servers on this machine."""

import errno
import hashlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fsspec.registry import _registry

from nano3.core.retry import LONGEST_REQUESTED_SECONDS
from nano3.core.schema import ConfigError
from nano3.raw import remote
from nano3.raw.datasets import read_pins
from nano3.raw.download import DownloadError, download_shard
from nano3.raw.pin import pin_datasets
from nano3.raw.remote import PART, UrlError
from tests.clock import Waits
from tests.raw.corpus import PART as PARQUET
from tests.raw.corpus import describe
from tests.web import Reply, Web, own_certificate, serving

LINES = b"".join(b'{"text": "document %d"}\n' % number for number in range(1000))
LARGE = LINES * 100  # more than a connection holds on its way
SHARD = "/deep/part-0.jsonl"


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: Waits) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nano3.raw.remote.CHUNK_BYTES", 4096)
    (tmp_path / "there/deep").mkdir(parents=True)
    (tmp_path / "there/deep/part-0.jsonl").write_bytes(LINES)
    (tmp_path / "there/deep/other.txt").write_bytes(b"not a shard")
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as web:
        web.files = {SHARD: LINES, "/deep/other.txt": b"not a shard"}
        yield web


@pytest.fixture
def part(tmp_path: Path) -> Path:
    """The file of a download that was killed."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder" / PART


KEYS = {"AWS_ACCESS_KEY_ID": "someone", "AWS_SECRET_ACCESS_KEY": "secret"}
AskS3 = Callable[[str, dict[str, str]], None]


@pytest.fixture
def s3(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[AskS3]:
    """S3 by the endpoint that the fixture is called with, for someone with that environment and no files in ~/.aws."""
    import s3fs

    def ask(endpoint: str, environment: dict[str, str]) -> None:
        for name in (*KEYS, "AWS_PROFILE", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        place = {"AWS_ENDPOINT_URL": endpoint, "AWS_DEFAULT_REGION": "us-east-1", "AWS_EC2_METADATA_DISABLED": "true"}
        for name, value in {**place, "HOME": str(tmp_path), **environment}.items():
            monkeypatch.setenv(name, value)
        s3fs.S3FileSystem.clear_instance_cache()

    yield ask
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


def read(url: str) -> bytes:
    return b"".join(remote.chunks(url))


def test_files_by_url(catalogue: Path) -> None:
    pinned_and_downloaded(catalogue, f"file://{catalogue.parent}/there")


@pytest.mark.parametrize("length", ["said", "unsaid", "chunked"])
@pytest.mark.parametrize("ranges", [True, False])
def test_files_over_http(catalogue: Path, web: Web, length: str, ranges: bool) -> None:
    web.length, web.ranges = length, ranges  # type: ignore[assignment]
    pinned_and_downloaded(catalogue, web.url)


# ---- Waiting -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("status", [429, 503])
def test_a_server_that_says_wait_is_asked_again_then(
    web: Web, waits: Waits, status: int, capsys: pytest.CaptureFixture[str]
) -> None:
    web.replies = [Reply(status, {"Retry-After": "37"}, times=2)]
    assert read(web.url + SHARD) == LINES
    assert [37 <= seconds <= 1.25 * 37 for seconds in waits.seconds] == [True, True]
    assert f"{web.url}{SHARD} answered {status}: the next attempt is in " in capsys.readouterr().err


def test_a_server_may_ask_for_ten_minutes_at_most(web: Web, waits: Waits) -> None:
    web.replies = [Reply(429, {"Retry-After": "7200"}, times=99)]
    with pytest.raises(UrlError, match=r"part-0\.jsonl: the server answered 429 every time: try again in 120 min, as"):
        read(web.url + SHARD)
    assert waits.seconds == [LONGEST_REQUESTED_SECONDS]


@pytest.mark.parametrize("what", [Reply(500, times=99), Reply(cut=True, line="GET", times=99)])
def test_a_failure_is_tried_again_for_minutes(web: Web, waits: Waits, tmp_path: Path, what: Reply) -> None:
    web.replies, web.files = [what], {SHARD: b"x"}  # one byte, of which a half is none
    with pytest.raises(
        UrlError, match=r"every time: try again later|can't be read: ClientPayloadError.*: try again later"
    ):
        download_shard(web.url + SHARD, "0" * 64, 1, tmp_path / "raw.jsonl")
    assert 5 * 60 <= waits.total <= 10 * 60


@pytest.mark.parametrize("host", ["127.0.0.1:9", "no.such.host.invalid"])
def test_without_a_network_a_person_waits_seconds_and_a_job_minutes(tmp_path: Path, waits: Waits, host: str) -> None:
    said = rf"http://{host}/a\.jsonl: its server \S+ can't be reached \(\[Errno .*\): check the network, then try again"
    with pytest.raises(UrlError, match=said):
        read(f"http://{host}/a.jsonl")
    assert waits.total <= 20
    waits.seconds.clear()
    with pytest.raises(UrlError, match=said):
        download_shard(f"http://{host}/a.jsonl", "0" * 64, 1, tmp_path / "raw.jsonl")
    assert 5 * 60 <= waits.total <= 10 * 60


def test_no_folder_is_left_out_because_its_listing_failed(web: Web) -> None:
    web.files["/deep/deeper/part-1.jsonl"] = LINES
    web.replies = [Reply(503, line="GET /deep/deeper")]
    assert remote.list_files(web.url, "**/*.jsonl") == {
        "deep/part-0.jsonl": len(LINES),
        "deep/deeper/part-1.jsonl": len(LINES),
    }
    web.replies = [Reply(403, line="GET /deep/deeper")]
    with pytest.raises(UrlError, match="access is refused"):
        remote.list_files(web.url, "**/*.jsonl")


def test_the_page_of_a_folder_is_asked_for_by_the_folders_name(web: Web) -> None:
    web.files = {f"/deep/part-{number}.jsonl": LINES for number in range(3)}
    assert len(remote.list_files(f"{web.url}/deep/", "*.jsonl")) == 3
    assert len(web.asked(r"GET /deep/$")) == 1
    assert len(web.asked("HEAD")) == 3  # a page has no sizes


def test_a_listing_that_has_sizes_is_all_that_is_asked_of_s3(web: Web, s3: AskS3) -> None:
    s3(web.url, KEYS)
    keys = "".join(
        f"<Contents><Key>raw/{number}.jsonl</Key><Size>{number}</Size><ETag>e</ETag>"
        "<LastModified>2026-01-01T00:00:00.000Z</LastModified></Contents>"
        for number in range(3)
    )
    body = f"<?xml version='1.0'?><ListBucketResult><IsTruncated>false</IsTruncated>{keys}</ListBucketResult>".encode()
    web.replies = [Reply(headers={"Content-Type": "application/xml"}, body=body, times=9)]
    assert remote.list_files("s3://corpus/raw", "*.jsonl") == {"0.jsonl": 0, "1.jsonl": 1, "2.jsonl": 2}
    assert len(web.requests) == 1


def test_a_folder_whose_name_looks_like_a_glob_is_itself(catalogue: Path) -> None:
    odd = catalogue.parent / "odd[1]*"
    odd.mkdir()
    (odd / "a.jsonl").write_bytes(LINES)
    assert remote.list_files(f"file://{odd}", "*.jsonl") == {"a.jsonl": len(LINES)}


def test_links_below_a_file_url_are_followed_to_files_and_refused_to_folders(catalogue: Path) -> None:
    there = catalogue.parent / "there"
    (there / "link.jsonl").symlink_to("deep/part-0.jsonl")
    assert remote.list_files(f"file://{there}", "*.jsonl") == {"link.jsonl": len(LINES)}
    (there / "loop").symlink_to(".")
    with pytest.raises(UrlError, match=r"there/loop: a link to no file, which a URL does not follow: write the folder"):
        remote.list_files(f"file://{there}", "**/*.jsonl")


# ---- What a server answers -----------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("status", "said"),
    [
        (401, r"needs a login \(HTTP 401\): put a login for 127\.0\.0\.1 that may read it into ~/\.netrc"),
        (403, r"access is refused \(HTTP 403\): put a login for 127\.0\.0\.1"),
        (404, r"no such file: correct source, then pin its dataset again"),
        (407, r"the proxy wants a login \(HTTP 407\): write user and password into HTTPS_PROXY"),
        (410, r"the file was removed for good \(HTTP 410\): correct source, then pin"),
        (418, r"the server refuses the request \(HTTP 418\): correct source"),
        (451, r"may not be shown for legal reasons \(HTTP 451\): take it out of the catalogue"),
    ],
)
def test_a_refusal_is_one_sentence_at_once(catalogue: Path, web: Web, waits: Waits, status: int, said: str) -> None:
    raw = catalogue.parent / "raw/raw.jsonl"
    web.replies = [Reply(status, times=99)]
    describe(catalogue, source=f"{web.url}/deep", files="'*.jsonl'")
    for act in (
        lambda: download_shard(web.url + SHARD, "0" * 64, 1, raw),
        lambda: pin_datasets(["corpus"], catalogue),
    ):
        with pytest.raises(UrlError, match=said) as error:
            act()
        assert "\n" not in str(error.value)
    assert waits.seconds == []
    assert not list(raw.parent.iterdir())
    assert not (catalogue / "corpus.tsv").exists()


def test_a_redirect_in_a_circle_is_said(web: Web) -> None:
    web.replies = [Reply(302, {"Location": web.url + SHARD}, times=99)]
    with pytest.raises(UrlError, match=r"part-0\.jsonl: the server redirects in a circle: correct source"):
        read(web.url + SHARD)


def test_a_redirect_to_another_host_is_followed_and_resumed_there(web: Web, part: Path) -> None:
    part.write_bytes(LINES[:5000])
    with serving() as elsewhere:
        elsewhere.files = {"/blob": LINES}
        web.replies = [Reply(307, {"Location": f"{elsewhere.url}/blob"}, times=99)]
        assert remote.fetch(web.url + SHARD, part.parent).read_bytes() == LINES
        assert elsewhere.asked("GET /blob")[-1]["range"] == "bytes=5000-"


def test_a_page_to_log_in_is_no_file(web: Web) -> None:
    web.replies = [Reply(body=b"\n<!doctype html><title>Sign in</title>", headers={"Content-Type": "text/html"})]
    with pytest.raises(
        UrlError, match=r"part-0\.jsonl: the server sends a web page \(127\.0\.0\.1\), perhaps one to log"
    ):
        read(web.url + SHARD)


def test_a_login_comes_from_netrc(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("machine 127.0.0.1 login someone password secret\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    assert read(web.url + SHARD) == LINES
    assert web.asked("GET")[-1]["authorization"].startswith("Basic ")


def test_a_proxy_that_is_not_there_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch, waits: Waits) -> None:
    monkeypatch.setenv("http_proxy", "http://someone:secret@127.0.0.1:9")
    with pytest.raises(
        UrlError, match=r"can't be reached through the proxy http://127\.0\.0\.1:9: correct or unset HTTP"
    ):
        read("http://corpus.invalid/a.jsonl")
    assert waits.total <= 20


# ---- Bytes ---------------------------------------------------------------------------------------------------------
def test_bytes_that_were_compressed_on_the_way_are_refused(catalogue: Path, web: Web, waits: Waits) -> None:
    web.headers = {"Content-Encoding": "gzip"}
    describe(catalogue, source=web.url, files="'deep/*.jsonl'")
    with pytest.raises(
        UrlError, match=r"part-0\.jsonl: the server sends it with Content-Encoding: gzip, so the bytes are"
    ):
        pin_datasets(["corpus"], catalogue)
    assert web.asked("GET /deep/part-0")[-1]["accept-encoding"] == "identity"
    assert waits.seconds == []


def test_a_stored_gz_file_stays_compressed_whatever_its_server_calls_that(catalogue: Path, web: Web) -> None:
    import gzip

    content = gzip.compress(LINES)
    web.files, web.headers = {"/part-0.jsonl.gz": content}, {"Content-Encoding": "gzip"}
    describe(catalogue, source=web.url, files="'*.jsonl.gz'")
    pin_datasets(["corpus"], catalogue, rows=True)
    (shard,) = read_pins("corpus", catalogue)
    assert (shard.bytes, shard.rows) == (len(content), 1000)
    assert shard.sha256 == hashlib.sha256(content).hexdigest()
    raw = catalogue.parent / "raw/part-0.jsonl.gz"
    download_shard(f"{web.url}/part-0.jsonl.gz", shard.sha256, shard.bytes, raw)
    assert raw.read_bytes() == content


@pytest.mark.parametrize("ranges", [True, False])
@pytest.mark.parametrize("length", ["said", "chunked"])
def test_a_cut_connection_resumes_where_it_was_cut(web: Web, waits: Waits, ranges: bool, length: str) -> None:
    web.ranges, web.length = ranges, length  # type: ignore[assignment]
    web.replies, web.files = [Reply(cut=True, line="GET", times=3)], {SHARD: LARGE}
    assert read(web.url + SHARD) == LARGE
    assert len(waits.seconds) == 3
    begins = [int(headers["range"].removeprefix("bytes=").rstrip("-")) for headers in web.asked("GET")[1:]]
    assert begins[0] > 0
    assert begins == sorted(begins)


def test_a_file_that_changes_while_it_is_read_is_refused(web: Web) -> None:
    web.headers, web.replies, web.files = {"ETag": '"1"'}, [Reply(cut=True, line="GET")], {SHARD: LARGE}
    data = remote.chunks(web.url + SHARD)
    next(data)
    web.headers = {"ETag": '"2"'}
    with pytest.raises(UrlError, match=r"part-0\.jsonl: changed while it was read: try again"):
        list(data)


def test_a_file_that_grows_while_it_is_pinned_is_refused(catalogue: Path, web: Web) -> None:
    describe(catalogue, source=web.url, files="'deep/*.jsonl'")
    sizes = remote.list_files(web.url, "deep/*.jsonl")
    web.files[SHARD] += LINES
    with pytest.raises(UrlError, match=r"has 49,780 bytes where its server says 24,890: try again, it may be changing"):
        remote.digest(web.url + SHARD, sizes["deep/part-0.jsonl"], lambda _bytes: None)


def test_a_file_that_changed_after_it_was_pinned_is_refused(catalogue: Path, web: Web) -> None:
    raw, pinned = catalogue.parent / "raw/raw.jsonl", hashlib.sha256(LINES).hexdigest()
    web.files[SHARD] = LINES.swapcase()
    with pytest.raises(DownloadError, match=r"part-0\.jsonl: SHA-256 is .* if it was meant to change, pin its dataset"):
        download_shard(web.url + SHARD, pinned, len(LINES), raw)
    assert not list(raw.parent.iterdir())


@pytest.mark.parametrize("length", ["said", "unsaid"])
@pytest.mark.parametrize("ranges", [True, False])
def test_rows_of_parquet_are_counted_whatever_the_server_can(
    catalogue: Path, web: Web, length: str, ranges: bool
) -> None:
    web.files, web.length, web.ranges = {"/a.parquet": PARQUET}, length, ranges  # type: ignore[assignment]
    describe(catalogue, source=web.url, files="'*.parquet'")
    pin_datasets(["corpus"], catalogue, rows=True)
    (shard,) = read_pins("corpus", catalogue)
    assert (shard.bytes, shard.rows) == (len(PARQUET), 100)


def test_a_killed_download_is_resumed(web: Web, part: Path) -> None:
    part.write_bytes(LINES[:10_000])
    assert remote.fetch(web.url + SHARD, part.parent).read_bytes() == LINES
    assert {headers.get("range") for headers in web.asked("GET")} == {"bytes=10000-"}


def test_a_killed_download_restarts_if_the_server_has_no_ranges(web: Web, part: Path) -> None:
    web.ranges = False
    part.write_bytes(b"?" * 10_000)
    assert remote.fetch(web.url + SHARD, part.parent).read_bytes() == LINES


def test_a_download_that_was_killed_at_its_end_is_whole(web: Web, part: Path) -> None:
    part.write_bytes(LINES)
    assert remote.fetch(web.url + SHARD, part.parent).read_bytes() == LINES


def test_a_full_disk_is_said(web: Web, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, waits: Waits) -> None:
    def full(_url: str, _begin: int = 0, _patience: object = None) -> Iterator[bytes]:
        raise OSError(errno.ENOSPC, "No space left on device")
        yield b""

    monkeypatch.setattr("nano3.raw.remote.chunks", full)
    raw = tmp_path / "raw/raw.jsonl"
    with pytest.raises(DownloadError, match=r"raw\.jsonl: can't be written: No space left on device: make room"):
        download_shard(web.url + SHARD, "0" * 64, 1, raw)
    assert waits.seconds == []


# ---- Drivers -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("protocol", "module", "package"),
    [
        ("s3", "s3fs", r"'nano3-pretraining\[s3\]'"),
        ("gs", "gcsfs", "gcsfs"),
        ("az", "adlfs", "adlfs"),
        ("abfs", "adlfs", "adlfs"),
        ("sftp", "paramiko", "paramiko"),
    ],
)
def test_a_driver_that_is_missing_says_how_to_get_it(
    catalogue: Path, monkeypatch: pytest.MonkeyPatch, protocol: str, module: str, package: str
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.delitem(_registry, protocol, raising=False)
    describe(catalogue, source=f"{protocol}://bucket/raw", files="'*.jsonl'")
    with pytest.raises(
        UrlError, match=rf"{protocol}://bucket/raw: needs a driver .* installed: `pip install {package}`"
    ):
        pin_datasets(["corpus"], catalogue)


def test_a_protocol_that_nobody_knows_is_said(catalogue: Path) -> None:
    describe(catalogue, source="nowhere://bucket/raw", files="'*.jsonl'")
    with pytest.raises(UrlError, match=r"nowhere://bucket/raw: .*Protocol not known: nowhere: correct source"):
        pin_datasets(["corpus"], catalogue)


@pytest.mark.parametrize("folder", ["a[1]", "b*"])
def test_a_folder_whose_name_looks_like_a_glob_is_taken_as_it_is(catalogue: Path, folder: str) -> None:
    (catalogue.parent / "there/deep").rename(catalogue.parent / folder)
    (catalogue.parent / "bc").mkdir()
    (catalogue.parent / "bc/other.jsonl").touch()
    assert remote.list_files(f"file://{catalogue.parent}/{folder}", "*.jsonl") == {"part-0.jsonl": len(LINES)}


def test_hidden_files_at_a_website_are_left_out_and_told(catalogue: Path, web: Web) -> None:
    web.files |= {f"/deep/{name}": b"x" for name in ("._part-0.jsonl", "_SUCCESS.jsonl")}
    describe(catalogue, source=f"{web.url}/deep", files="'*.jsonl'")
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


def test_a_missing_local_url_is_named(catalogue: Path) -> None:
    with pytest.raises(UrlError, match=r"nothing\.jsonl: no such file: correct source, then pin"):
        download_shard(f"file://{catalogue.parent}/nothing.jsonl", "0" * 64, 1, catalogue.parent / "raw.jsonl")
    assert not list(catalogue.parent.glob("*raw.jsonl*"))


# ---- S3 --------------------------------------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def moto() -> Iterator[str]:
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


def test_files_in_s3(catalogue: Path, moto: str, s3: AskS3) -> None:
    import s3fs

    s3(moto, KEYS)
    system = s3fs.S3FileSystem(skip_instance_cache=True)
    system.mkdir("corpus")
    system.put(f"{catalogue.parent}/there/deep", "corpus/raw/deep", recursive=True)
    pinned_and_downloaded(catalogue, "s3://corpus/raw")
    assert remote.list_files("s3://corpus/raw", "**/*.jsonl") == {"deep/part-0.jsonl": len(LINES)}
    with pytest.raises(
        UrlError, match=r"s3://corpus/raw/no\.jsonl: no such file: correct source, then pin its dataset"
    ):
        read("s3://corpus/raw/no.jsonl")


def test_a_bucket_that_is_not_there_is_said(catalogue: Path, moto: str, s3: AskS3) -> None:
    s3(moto, KEYS)
    describe(catalogue, source="s3://elsewhere/raw", files="'*.jsonl'")
    with pytest.raises(UrlError, match=r"s3://elsewhere/raw: no such bucket: correct source, or AWS_ENDPOINT_URL if"):
        pin_datasets(["corpus"], catalogue)


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({}, r"no S3 credentials: set AWS_ACCESS_KEY_ID .* or AWS_PROFILE; for a public bucket, FSSPEC_S3_ANON=true"),
        ({"AWS_ACCESS_KEY_ID": "someone"}, r"half of the S3 credentials is missing: set AWS_ACCESS_KEY_ID and"),
        ({"AWS_PROFILE": "nobody"}, r"~/\.aws has no profile of the name in AWS_PROFILE: correct it"),
    ],
)
def test_missing_keys_of_s3_are_said(
    moto: str, s3: AskS3, waits: Waits, environment: dict[str, str], said: str
) -> None:
    s3(moto, environment)
    for act in (lambda: remote.list_files("s3://corpus/raw", "*.jsonl"), lambda: read("s3://corpus/raw/a.jsonl")):
        with pytest.raises(UrlError, match=said):
            act()
    assert waits.seconds == []


@pytest.mark.parametrize(
    ("status", "code", "said"),
    [
        (
            403,
            "AccessDenied",
            r"access is refused \(HTTP 403, AccessDenied\): set AWS_ACCESS_KEY_ID .* that may read it",
        ),
        (403, "SignatureDoesNotMatch", r"AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID: correct it"),
        (403, "InvalidAccessKeyId", r"S3 does not know the key of AWS_ACCESS_KEY_ID"),
        (400, "ExpiredToken", r"AWS_SESSION_TOKEN has expired: log in again"),
        (403, "RequestTimeTooSkewed", r"S3 refuses because this machine's clock is wrong: set the clock"),
        (400, "AuthorizationHeaderMalformed", r"the bucket is in another region: set AWS_DEFAULT_REGION"),
    ],
)
def test_what_s3_refuses_is_one_sentence_at_once(
    web: Web, s3: AskS3, waits: Waits, status: int, code: str, said: str
) -> None:
    s3(web.url, KEYS)
    body = f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>No.</Message></Error>".encode()
    web.replies = [Reply(status, {"Content-Type": "application/xml"}, body=body, times=99)]
    with pytest.raises(UrlError, match=rf"^s3://corpus/raw: {said}") as error:
        remote.list_files("s3://corpus/raw", "*.jsonl")
    assert "\n" not in str(error.value)
    assert waits.seconds == []


def test_s3_that_says_slow_down_is_asked_again_then(web: Web, s3: AskS3, waits: Waits) -> None:
    s3(web.url, KEYS)
    web.replies = [Reply(503, {"Retry-After": "40"}, times=99)]
    with pytest.raises(UrlError, match=r"s3://corpus/raw: the server answered 503 every time: try again in 1 min, as"):
        remote.list_files("s3://corpus/raw", "*.jsonl")
    assert all(seconds >= 40 for seconds in waits.seconds)
    assert len(web.requests) == len(waits.seconds) + 1


# ---- TLS -------------------------------------------------------------------------------------------------------------
def test_a_certificate_that_nobody_trusts_is_said_at_once(tmp_path: Path, waits: Waits) -> None:
    with serving(own_certificate(tmp_path)) as web, pytest.raises(UrlError) as error:
        read(web.url + SHARD)
    assert re.search(
        r"its server 127\.0\.0\.1 shows a certificate that is not trusted \(self.signed certificate\): put the",
        str(error.value),
    )
    assert waits.seconds == []


def test_a_certificate_of_s3_that_nobody_trusts_is_said_at_once(
    tmp_path: Path, s3: AskS3, waits: Waits, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_CA_BUNDLE", raising=False)
    with serving(own_certificate(tmp_path)) as web:
        s3(web.url, KEYS)
        with pytest.raises(
            UrlError, match=r"its storage service shows a certificate that is not trusted \(self.signed"
        ):
            remote.list_files("s3://corpus/raw", "*.jsonl")
    assert waits.seconds == []
