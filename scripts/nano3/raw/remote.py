"""Which raw files are at a URL that fsspec has a driver for, what are their bytes, and how are they downloaded?"""

import hashlib
import re
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from nano3 import Nano3Error
from nano3.core.answers import RemoteError, answer_in, is_transient
from nano3.core.refusals import refusal
from nano3.core.retry import ATTENDED, UNATTENDED, Patience, retry

CHUNK_BYTES = 8 * 2**20
HEAD_BYTES = 4096
PART = "shard.part"
CONNECT_SECONDS, READ_SECONDS = 10, 60  # without an answer, and without a byte
COMPRESSED_AS = {".gz": "gzip", ".zst": "zstd"}  # what a server may call the compression that a file has by itself
MAGIC = re.compile(r"[*?[]")


class UrlError(RemoteError):
    """A URL does not deliver what was requested."""


def list_files(source: str, files: str) -> dict[str, int | None]:
    """Files under a URL that match a glob: relative path and size in bytes; None if the server does not say it."""
    with _explained(source):
        system, root = _resolve(source)
        root = root.rstrip("/")
        sizes = dict(_matching(system, root, files))
        return {name: _size(system, f"{root}/{name}") if sizes[name] is None else sizes[name] for name in sorted(sizes)}


def _matching(system: Any, root: str, files: str) -> Iterator[tuple[str, int | None]]:
    """
    The files that match, relative to root, with their sizes if the listing has them.

    An exact name needs no listing, which many web servers do not give.
    """
    from fsspec.utils import glob_translate

    if not MAGIC.search(files):
        yield files, None
        return
    parts = files.split("/")
    fixed = next(number for number, part in enumerate(parts) if MAGIC.search(part))
    depth = None if "**" in files else len(parts) - fixed
    matches = re.compile(glob_translate(files)).match
    for name, size in _files_under(system, "/".join([root, *parts[:fixed]]), depth):
        if matches(inside := name.removeprefix(f"{root}/")):
            yield inside, size


def _files_under(system: Any, folder: str, depth: int | None) -> Iterator[tuple[str, int | None]]:
    """
    Full names and sizes of the files in a folder and, down to a depth, in those inside.

    fsspec's own glob leaves out a folder whose listing fails, in silence.
    """
    entries = retry(partial(system.ls, f"{folder}/", detail=True), place=folder)
    for entry in entries:
        name = str(entry["name"]).rstrip("/")
        inside = name.removeprefix(folder).strip("/")
        if not inside or "/" in inside or inside in (".", "..") or re.search("[?#]", inside):
            continue  # the folder itself, or a web page's link to elsewhere
        if entry["type"] == "directory":
            if depth is None or depth > 1:
                yield from _files_under(system, name, depth and depth - 1)
        elif entry["type"] == "file" or system.isfile(name):
            yield name, entry["size"]
        else:
            raise UrlError(f"{name}: a link to no file, which a URL does not follow: write the folder without file://")


def _size(system: Any, name: str) -> int | None:
    size = retry(partial(system.info, name), place=name)["size"]
    return None if size is None else int(size)


def chunks(url: str, begin: int = 0, patience: Patience = ATTENDED) -> Iterator[bytes]:
    """
    A file's bytes from an offset. A cut connection resumes where it was cut.

    Raises UrlError if the file changes meanwhile, or comes in another encoding than it is stored in.
    """
    file: Any = None
    version: str | None = None

    def chunk() -> bytes:
        nonlocal file, version
        try:
            if file is None:
                file = _open_at(url, begin)
                before, version = version, _version(file)
                if None not in (before, version) and before != version:
                    raise UrlError(f"{url}: changed while it was read: try again")
            return bytes(file.read(CHUNK_BYTES))
        except Exception:
            if file is not None:
                file.close()
            file = None  # the next attempt opens it again
            raise

    with _explained(url):
        first = begin == 0
        while data := retry(chunk, patience, url):
            if first:
                _refuse_page(url, file, data)
            first = False
            begin += len(data)
            yield data
        file.close()


@dataclass(frozen=True)
class RemoteFile:
    """A file that was read once. size: in bytes. sha256: of all of it. head: its first bytes, up to HEAD_BYTES."""

    size: int
    sha256: str
    head: bytes


def digest(url: str, size: int | None, progress: Callable[[int], object]) -> RemoteFile:
    """
    Read a file once. size: what the server says, see list_files. progress: gets numbers of bytes, as they are read.

    Raises UrlError if there are not as many bytes as the server says.
    """
    sha256, count, head = hashlib.sha256(), 0, b""
    for data in chunks(url):
        head = head or data[:HEAD_BYTES]
        sha256.update(data)
        count += len(data)
        progress(len(data))
    if size not in (None, count):
        raise UrlError(f"{url}: has {count:,} bytes where its server says {size:,}: try again, it may be changing")
    return RemoteFile(count, sha256.hexdigest(), head)


def fetch(url: str, folder: Path) -> Path:
    """Download a file into a folder. A killed download is resumed if the server supports ranges."""
    part = folder / PART
    if part.is_file() and not _can_resume(url, part.stat().st_size, UNATTENDED):
        part.unlink()
    with part.open("ab") as out:
        for data in chunks(url, out.tell(), UNATTENDED):
            out.write(data)
    return part


def _can_resume(url: str, offset: int, patience: Patience = ATTENDED) -> bool:
    """True if a read can begin at an offset."""
    with _explained(url):
        file = retry(lambda: _open_at(url, offset, skip=False), patience, url)
        if file is not None:
            file.close()
        return file is not None


@contextmanager
def opened(url: str, anywhere: bool) -> Iterator[BinaryIO]:
    """
    A file to read in order or, with `anywhere`, at random: one request per read, or a download first if the server
    ignores ranges.
    """

    def open_file() -> Any:
        system, path = _resolve(url)
        return system.open(path, "rb", block_size=CHUNK_BYTES) if anywhere else _open_at(url, 0)

    if anywhere and not _is_seekable(url):
        with tempfile.TemporaryDirectory() as folder, fetch(url, Path(folder)).open("rb") as whole:
            yield whole
        return
    with _explained(url), retry(open_file, place=url) as file:
        yield file


def _is_seekable(url: str) -> bool:
    """True if any part of a file can be asked for."""
    with _explained(url):
        system, path = _resolve(url)
        return "http" not in system.protocol or (_size(system, path) is not None and _can_resume(url, 1))


def _open_at(url: str, begin: int, skip: bool = True) -> Any:
    """A file to read in order from an offset. If a server ignores ranges, skip to there, or return None."""
    system, path = _resolve(url)
    if "http" not in system.protocol:
        file = system.open(path, "rb", block_size=CHUNK_BYTES)
        file.seek(begin)
        return file
    headers = {"Range": f"bytes={begin}-"} if begin else {}
    try:
        file = system.open(
            path, "rb", block_size=0, size=1, headers=headers
        )  # the size spares a request, and is unused
    except Exception as error:
        answer = answer_in(error)
        if begin and answer and answer.status == 416:
            return _AtEnd()
        raise
    try:
        _refuse_encoding(url, file.r.headers)
        if begin and not file.r.headers.get("Content-Range", "").startswith(f"bytes {begin}-"):
            if not skip:
                file.close()
                return None
            while begin and (data := file.read(min(begin, CHUNK_BYTES))):
                begin -= len(data)
    except Exception:
        file.close()
        raise
    return file


class _AtEnd:
    """A file from the offset where it ends."""

    def read(self, _size: int) -> bytes:
        return b""

    def close(self) -> None:
        pass


def _version(file: Any) -> str | None:
    """What changes with a file's content, as far as its server says; None if it says nothing."""
    says = file.r.headers if hasattr(file, "r") else getattr(file, "details", {})
    return f"{says.get('ETag', '')} {says.get('Last-Modified', '')}".strip() or None


def _refuse_encoding(url: str, headers: Any) -> None:
    """A server that compresses on the way, or calls a stored file's own compression so: only the latter is the file."""
    encoding = headers.get("Content-Encoding", "").lower()
    if encoding not in ("", "identity", COMPRESSED_AS.get(PurePosixPath(urlsplit(url).path).suffix)):
        raise UrlError(
            f"{url}: the server sends it with Content-Encoding: {encoding}, so the bytes are not those of the file: "
            "have it send the file as it is, or download it yourself into a folder and make that the source"
        )


def _refuse_page(url: str, file: Any, data: bytes) -> None:
    kind = file.r.headers.get("Content-Type", "") if hasattr(file, "r") else ""
    if kind.startswith("text/html") and data.lstrip()[:1] == b"<":
        raise UrlError(
            f"{url}: the server sends a web page ({file.r.url.host}), perhaps one to log in: correct source, "
            "or put a login for its server into ~/.netrc"
        )


def _resolve(url: str) -> tuple[Any, str]:
    """
    The file system of a URL, without a cache of listings, and the path in it.

    It does not try again by itself, and changes no byte on the way.
    """
    from fsspec.core import url_to_fs

    system, path = url_to_fs(url, use_listings_cache=False, **_options(url.partition("://")[0]))
    if hasattr(system, "retries"):
        system.retries = 1
    return system, path


def _options(protocol: str) -> dict[str, Any]:
    if protocol in ("s3", "s3a"):
        timeouts = {"connect_timeout": CONNECT_SECONDS, "read_timeout": READ_SECONDS}
        return {"config_kwargs": {**timeouts, "retries": {"total_max_attempts": 1}}}
    if protocol not in ("http", "https"):
        return {}
    import aiohttp

    client = {
        "auto_decompress": False,
        "headers": {"Accept-Encoding": "identity"},
        "raise_for_status": True,  # fsspec would do so after it, and leave the connection open
        "timeout": aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_SECONDS, sock_read=READ_SECONDS),
        "trust_env": True,  # proxies, and logins in ~/.netrc
    }
    return {"client_kwargs": client}


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn errors of fsspec and its drivers into one sentence with the remedy."""
    try:
        yield
    except Nano3Error:
        raise
    except Exception as error:
        raise UrlError(f"{url}: {refusal(error, url)}", outage=is_transient(error)) from None
