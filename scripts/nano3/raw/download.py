"""Downloads: a pinned shard of the Hub or a URL becomes a file here, with the pinned bytes or not at all."""

import shutil
from pathlib import Path

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file, short
from nano3.raw import hub, remote


class DownloadError(Nano3Error):
    """What came is not what was pinned."""


def download_shard(origin: str, sha256: str, size: int, raw: Path) -> None:
    """
    Download a raw shard and verify it.

    origin: of the Hub, see hub.fetch, or a URL that fsspec knows. sha256, size: of the pinned bytes. raw: the
    file to make. The bytes gather in a folder beside it, named by those that are wanted: a run that was killed finds
    there what it has, and nothing else is taken up.
    Raises HubError or UrlError for what can't be read, DownloadError for other bytes; nothing is then called raw.
    """
    folder = raw.with_name(f".{raw.name}.{short(sha256)}")
    folder.mkdir(parents=True, exist_ok=True)
    try:
        file = hub.fetch(origin, folder) if origin.startswith(hub.HUB) else remote.fetch(origin, folder)
    except Nano3Error:
        if not any(file.stat().st_size for file in folder.glob(remote.PART)):
            shutil.rmtree(folder, ignore_errors=True)
        raise
    if fault := _fault(file, sha256, size):
        shutil.rmtree(folder)
        raise DownloadError(f"{origin}: {fault}: if it was meant to change, pin its dataset again; if not, try again")
    file.replace(raw)
    shutil.rmtree(folder)


def _fault(file: Path, sha256: str, size: int) -> str | None:
    """How a file differs from the pinned one; None if it does not."""
    if (found := file.stat().st_size) != size:
        return f"has {found:,} bytes where {size:,} were pinned"
    if (digest := digest_file(file)) != sha256:
        return f"SHA-256 is {digest}, pinned was {sha256}"
    return None
