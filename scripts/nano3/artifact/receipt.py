"""
Receipts: every artifact's word on what it is and how it came to be.

A receipt is written last, aside and then renamed: where there is a receipt, its artifacts are whole. Its `content` is
the digest of what was made, and of nothing else, so the same bytes made again on another day by another machine are
the same artifact to everything downstream.
"""

import json
import os
import platform
import re
import socket
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import msgspec

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file, digest_json
from nano3.artifact.files import write_json

KEYS = {"step", "content", "key", "inputs", "outputs", "facts", "run"}


class ReceiptError(Nano3Error):
    """A receipt is missing, damaged, or not of what lies beside it."""


@dataclass(frozen=True)
class Output:
    """A file that a step made. path: as the step was given it, relative to the repository."""

    path: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Output":
        """The file as it lies on disk."""
        return cls(str(path), path.stat().st_size, digest_file(path))


@dataclass(frozen=True)
class Input:
    """
    What a step used. kind `receipt`: path is that artifact's receipt, digest its content; kind `file`: a raw file and
    its SHA-256.
    """

    kind: str
    path: str
    digest: str

    @classmethod
    def receipt(cls, path: Path) -> "Input":
        """The artifact that a receipt stands for."""
        return cls("receipt", str(path), read_receipt(path)["content"])


# Where a container's image is named: Apptainer, its older name, Slurm's pyxis and Slurm's own containers.
CONTAINER_VARIABLES = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "SLURM_CONTAINER_IMAGE", "SLURM_CONTAINER")


class Run:
    """The circumstances of a step: when, where, with what. Begins when it is made."""

    def __init__(self, packages: Sequence[str] = ()) -> None:
        self.began = datetime.now(UTC)
        self.processor_seconds = _processor_seconds()
        self.packages = packages

    def record(self) -> dict[str, Any]:
        """The circumstances up to now, as a receipt holds them."""
        ended = datetime.now(UTC)
        return {
            "started": self.began.isoformat(timespec="milliseconds"),
            "ended": ended.isoformat(timespec="milliseconds"),
            "seconds": round((ended - self.began).total_seconds(), 3),
            "processor_seconds": round(_processor_seconds() - self.processor_seconds, 3),
            "host": socket.gethostname(),
            "slurm_job": os.environ.get("SLURM_JOB_ID"),
            "container": _container(),
            "git": _git_state(),
            "python": platform.python_version(),
            "packages": {name: _version(name) for name in self.packages},
        }


def write_receipt(
    path: Path,
    step: str,
    run: Run,
    *,
    key: Mapping[str, Any],
    inputs: Iterable[Input],
    outputs: Sequence[Output],
    facts: Mapping[str, Any],
    content: str | None = None,
) -> None:
    """
    Write a step's receipt.

    key: the decisions it was built from. facts: counts and measurements. content: what identifies the artifact; by
    default the names and digests of the outputs.
    """
    receipt = {
        "step": step,
        "content": content or digest_json({Path(output.path).name: output.sha256 for output in outputs}),
        "key": key,
        "inputs": [asdict(source) for source in inputs],
        "outputs": [asdict(output) for output in outputs],
        "facts": facts,
        "run": run.record(),
    }
    write_json(path, receipt)


def read_receipt(path: Path | str) -> dict[str, Any]:
    """A receipt as it was written. Raises ReceiptError if it is missing or is not one."""
    try:
        receipt = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ReceiptError(f"{path}: no such receipt: build it with `snakemake {path}`") from None
    except ValueError:
        receipt = None
    if not isinstance(receipt, dict) or not receipt.keys() >= KEYS:
        raise ReceiptError(f"{path}: not a receipt: delete it and build it again with `snakemake {path}`")
    return receipt


def is_damaged(path: Path | str) -> bool:
    """Whether there is a file where a receipt belongs, and it is none. 10 ms for that of 100,000 shards."""
    try:
        return not msgspec.json.decode(Path(path).read_bytes(), type=dict[str, msgspec.Raw]).keys() >= KEYS
    except FileNotFoundError:
        return False
    except msgspec.MsgspecError:
        return True


def missing_output(receipt: Mapping[str, Any]) -> str | None:
    """The first file that a receipt lists and that is not there with the size that was written; None if all are."""
    for output in receipt["outputs"]:
        path = output["path"]
        if not os.path.exists(path) or os.path.getsize(path) != output["bytes"]:
            return str(path)
    return None


def _processor_seconds() -> float:
    """Of this process and of its children that have ended, in user code and in the kernel."""
    return sum(os.times()[:4])


def _container() -> str | None:
    """The image that this process runs in, as its runtime names it, without a user name or password."""
    named = (os.environ.get(variable) for variable in CONTAINER_VARIABLES)
    image = next(filter(None, named), None)
    return re.sub(r"(?<=://)[^/@]*@", "", image) if image else None


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _git_state() -> dict[str, Any] | None:
    """Commit and whether tracked files differ from it; None outside a repository."""
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run(["git", "diff", "--quiet", "HEAD"], check=False).returncode != 0
    except (OSError, subprocess.CalledProcessError):
        return None
    return {"commit": commit, "dirty": dirty}
