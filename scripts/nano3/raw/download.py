"""How does a pinned shard of the Hub or a URL become a local file? Downloaded, verified, then renamed."""

import shutil
from pathlib import Path

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file, short
from nano3.raw import hub, remote
from nano3.raw.datasets import HUB


class DownloadError(Nano3Error):
    """The downloaded bytes are not the pinned ones."""


def download_shard(origin: str, sha256: str, size: int, raw: Path) -> None:
    """
    Download a raw shard and verify it.

    origin: on the Hub, see hub.fetch, or a URL that fsspec knows. sha256, size: of the pinned bytes. raw: the file to
    write. Partial bytes lie in a folder beside it that is named by sha256, so a killed run resumes only the same file.
    Raises HubError or UrlError if origin can't be read, DownloadError for other bytes; raw is then not written.
    """
    folder = raw.with_name(f".{raw.name}.{short(sha256)}")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = hub.fetch(origin, folder) if origin.startswith(HUB) else remote.fetch(origin, folder)
    except (Nano3Error, OSError) as error:
        if not any(file.stat().st_size for file in folder.glob(remote.PART)):
            shutil.rmtree(folder, ignore_errors=True)
        if isinstance(error, Nano3Error):
            raise
        raise DownloadError(f"{raw}: can't be written: {error.strerror}: make room, then run snakemake again") from None
    if fault := _fault(file, sha256, size):
        shutil.rmtree(folder)
        raise DownloadError(f"{origin}: {fault}: if it was meant to change, pin its dataset again; if not, try again")
    file.replace(raw)
    shutil.rmtree(folder)


def _fault(file: Path, sha256: str, size: int) -> str | None:
    """How a file differs from the pinned one; None if it does not."""
    if (actual := file.stat().st_size) != size:
        return f"has {actual:,} bytes where {size:,} were pinned"
    if (digest := digest_file(file)) != sha256:
        return f"SHA-256 is {digest}, pinned was {sha256}"
    return None
