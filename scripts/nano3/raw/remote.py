"""Which raw files are at a URL that fsspec has a driver for, what are their bytes, and how are they downloaded?"""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from nano3 import Nano3Error
from nano3.core.retry import first_line, retry

CHUNK_BYTES = 8 * 2**20
PART = "shard.part"
EXTRAS = {"s3": "s3", "s3a": "s3"}  # protocols whose driver is an optional extra of this package


class UrlError(Nano3Error):
    """A URL does not deliver what was requested."""


def list_files(source: str, files: str) -> dict[str, int]:
    """Files under a URL that match a glob: relative path and size in bytes."""

    def sizes() -> dict[str, int]:
        system, root = _resolve(source)
        root = root.rstrip("/")
        literal = re.sub(r"[*[]", r"[\g<0>]", root)  # a ? in a URL is none of a glob for HTTP, and is in no other
        entries = system.glob(f"{literal}/{files}", detail=True).values()
        names = sorted(entry["name"] for entry in entries if entry["type"] == "file")
        return {name.removeprefix(root).lstrip("/"): int(system.size(name)) for name in names}

    with _explained(source):
        return retry(sizes, _is_transient)


def chunks(url: str, begin: int = 0) -> Iterator[bytes]:
    """A file's bytes from an offset. A cut connection resumes where it was cut."""
    file: Any = None

    def chunk() -> bytes:
        nonlocal file
        try:
            if file is None:
                file = _open(url, anywhere=begin > 0)
                file.seek(begin)
            return bytes(file.read(CHUNK_BYTES))
        except Exception:
            file = None  # the next attempt opens it again
            raise

    with _explained(url):
        while data := retry(chunk, _is_transient):
            begin += len(data)
            yield data
        file.close()


def fetch(url: str, folder: Path) -> Path:
    """Download a file into a folder. A killed download is resumed if the server supports ranges."""
    part = folder / PART
    if part.is_file() and not _can_resume(url, part.stat().st_size):
        part.unlink()
    with part.open("ab") as out:
        for data in chunks(url, out.tell()):
            out.write(data)
    return part


def _can_resume(url: str, offset: int) -> bool:
    def read_one_byte() -> None:
        with _open(url, anywhere=True) as file:
            file.seek(offset)
            file.read(1)

    with _explained(url):
        try:
            retry(read_one_byte, _is_transient)
        except ValueError:
            return False
        return True


@contextmanager
def opened(url: str, anywhere: bool) -> Iterator[BinaryIO]:
    """A file to read in order or, with `anywhere`, at random: one request per read, on servers that support ranges."""
    with _explained(url), retry(lambda: _open(url, anywhere), _is_transient) as file:
        yield file


def _open(url: str, anywhere: bool) -> Any:
    system, path = _resolve(url)
    streamed = "http" in system.protocol and not anywhere
    return system.open(path, "rb", block_size=0 if streamed else CHUNK_BYTES)


def _resolve(url: str) -> tuple[Any, str]:
    """The file system of a URL, without a cache of listings, and the path in it."""
    from fsspec.core import url_to_fs

    system, path = url_to_fs(url, use_listings_cache=False)
    return system, path


def _is_transient(error: Exception) -> bool:
    """True if a retry may succeed; an error about the file itself is final."""
    final = (FileNotFoundError, PermissionError, IsADirectoryError, ImportError, ValueError, TypeError)
    return not isinstance(error, final)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """Turn errors of fsspec and its drivers into one sentence with the remedy."""
    try:
        yield
    except Nano3Error:
        raise
    except ImportError as error:
        extra = EXTRAS.get(url.partition("://")[0])
        remedy = f"`pip install 'nano3-pretraining[{extra}]'`" if extra else first_line(error)
        raise UrlError(f"{url}: needs a driver that is not installed: {remedy}") from None
    except FileNotFoundError:
        raise UrlError(f"{url}: no such file: correct source, then pin its dataset again") from None
    except PermissionError as error:
        raise UrlError(
            f"{url}: no access ({first_line(error)}): give its driver credentials that can read it"
        ) from None
    except Exception as error:
        remedy = "correct source" if isinstance(error, ValueError) else "try again later"
        raise UrlError(f"{url}: can't be read: {type(error).__name__}: {first_line(error)}: {remedy}") from None
