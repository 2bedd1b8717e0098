"""Raw files at any URL that fsspec has a driver for: which there are, what bytes they have, and how they come here."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from nano3 import Nano3Error
from nano3.core.retry import first_line, retry

CHUNK_BYTES = 8 * 2**20
PART = "shard.part"
EXTRAS = {"s3": "s3", "s3a": "s3"}  # protocols whose driver is an extra of ours


class UrlError(Nano3Error):
    """A URL does not give what was asked of it."""


def list_files(source: str, files: str) -> dict[str, int]:
    """Files below a URL that match a glob: path below it, and size in bytes."""

    def found() -> dict[str, int]:
        system, root = _located(source)
        root = root.rstrip("/")
        entries = system.glob(f"{root}/{files}", detail=True).values()
        names = sorted(entry["name"] for entry in entries if entry["type"] == "file")
        return {name.removeprefix(root).lstrip("/"): int(system.size(name)) for name in names}

    with _explained(source):
        return retry(found, _is_transient)


def chunks(url: str, begin: int = 0) -> Iterator[bytes]:
    """A file's bytes from a place on. A connection that is cut is taken up where it was."""
    file: Any = None

    def chunk() -> bytes:
        nonlocal file
        try:
            if file is None:
                file = _opened(url, anywhere=begin > 0)
                file.seek(begin)
            return bytes(file.read(CHUNK_BYTES))
        except Exception:
            file = None  # to be opened again
            raise

    with _explained(url):
        while data := retry(chunk, _is_transient):
            begin += len(data)
            yield data
        file.close()


def fetch(url: str, folder: Path) -> Path:
    """Download a file into a folder. What a killed run left there is taken up, if the server can begin later."""
    part = folder / PART
    if part.is_file() and not _can_begin(url, part.stat().st_size):
        part.unlink()
    with part.open("ab") as out:
        for data in chunks(url, out.tell()):
            out.write(data)
    return part


def _can_begin(url: str, at: int) -> bool:
    def first() -> None:
        with _opened(url, anywhere=True) as file:
            file.seek(at)
            file.read(1)

    with _explained(url):
        try:
            retry(first, _is_transient)
        except ValueError:
            return False
        return True


@contextmanager
def opened(url: str, anywhere: bool) -> Iterator[BinaryIO]:
    """A file to read from its beginning, or anywhere: that is a request for each stretch, and not every server can."""
    with _explained(url), retry(lambda: _opened(url, anywhere), _is_transient) as file:
        yield file


def _opened(url: str, anywhere: bool) -> Any:
    system, path = _located(url)
    streamed = "http" in system.protocol and not anywhere
    return system.open(path, "rb", block_size=0 if streamed else CHUNK_BYTES)


def _located(url: str) -> tuple[Any, str]:
    """The file system for a URL, and the path in it. Nothing is remembered of an earlier look."""
    from fsspec.core import url_to_fs

    system, path = url_to_fs(url, use_listings_cache=False)
    return system, path


def _is_transient(error: Exception) -> bool:
    """Whether it may go well the next time; what a driver says about the file itself stays so."""
    final = (FileNotFoundError, PermissionError, IsADirectoryError, ImportError, ValueError, TypeError)
    return not isinstance(error, final)


@contextmanager
def _explained(url: str) -> Iterator[None]:
    """What fsspec and its drivers raise becomes one sentence with the remedy."""
    try:
        yield
    except Nano3Error:
        raise
    except ImportError as error:
        extra = EXTRAS.get(url.partition("://")[0])
        remedy = f"`pip install 'nano3-pretraining[{extra}]'`" if extra else first_line(error)
        raise UrlError(f"{url}: needs a driver that is not installed: {remedy}") from None
    except FileNotFoundError:
        raise UrlError(f"{url}: not there (any more): mend source, then pin its dataset again") from None
    except PermissionError as error:
        raise UrlError(f"{url}: no access ({first_line(error)}): give its driver a key that may read it") from None
    except Exception as error:
        remedy = "mend source" if isinstance(error, ValueError) else "try again later"
        raise UrlError(f"{url}: can't be read: {type(error).__name__}: {first_line(error)}: {remedy}") from None
