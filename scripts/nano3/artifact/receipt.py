"""
A receipt is the JSON record beside every artifact: what it is, what decided it, what it was made from, and how.

It is written last and whole, so an artifact that has one is complete. `content` is the digest of the artifact alone, so
the same bytes from another day or another machine are the same artifact to everything downstream. Every step has its
own model, see nano3.artifact.steps; a receipt of another schema is refused by name, never misread.
"""

import os
import platform
import re
import socket
import subprocess
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Self, TypeVar

import msgspec

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file, digest_json
from nano3.artifact.files import write_json

# Variables that name a container's image: Apptainer, its older name, Slurm's pyxis and Slurm's own containers.
CONTAINER_VARIABLES = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER", "SLURM_CONTAINER_IMAGE", "SLURM_CONTAINER")


class ReceiptError(Nano3Error):
    """A receipt is missing, damaged, or of another step or schema."""


class SchemaError(ReceiptError):
    """A receipt is whole, but another version of this repository wrote it."""


class Output(msgspec.Struct, frozen=True):
    """A file that a step made. path: as the step got it, relative to the repository."""

    path: str
    bytes: int
    sha256: str

    @classmethod
    def of(cls, path: Path) -> "Output":
        """The file as it lies on disk."""
        return cls(str(path), path.stat().st_size, digest_file(path))


class Input(msgspec.Struct, frozen=True):
    """
    What a step used. kind `receipt`: path is that artifact's receipt, digest its content; kind `file`: a raw file and
    its SHA-256.
    """

    kind: str
    path: str
    digest: str


class GitState(msgspec.Struct, frozen=True):
    """The commit of the code, and whether tracked files differed from it."""

    commit: str
    dirty: bool


class RunRecord(msgspec.Struct, frozen=True):
    """The circumstances of a step: when, where, with what. seconds: wall time. git: None outside a repository."""

    started: str
    ended: str
    seconds: float
    processor_seconds: float
    host: str
    slurm_job: str | None
    container: str | None
    git: GitState | None
    python: str
    packages: dict[str, str | None]


class Run:
    """A step in progress; construct it when the step starts. packages: whose versions to record."""

    def __init__(self, packages: Sequence[str] = ()) -> None:
        self.start = datetime.now(UTC)
        self.processor_seconds = _processor_seconds()
        self.packages = packages

    def record(self) -> RunRecord:
        """The circumstances up to now, as a receipt holds them."""
        ended = datetime.now(UTC)
        return RunRecord(
            started=self.start.isoformat(timespec="milliseconds"),
            ended=ended.isoformat(timespec="milliseconds"),
            seconds=round((ended - self.start).total_seconds(), 3),
            processor_seconds=round(_processor_seconds() - self.processor_seconds, 3),
            host=socket.gethostname(),
            slurm_job=os.environ.get("SLURM_JOB_ID"),
            container=_container(),
            git=_git_state(),
            python=platform.python_version(),
            packages={name: _version(name) for name in self.packages},
        )


Key = TypeVar("Key")
Facts = TypeVar("Facts")


class Receipt(msgspec.Struct, Generic[Key, Facts], frozen=True, kw_only=True, tag_field="step"):
    """
    The receipt of a step. schema: of its model; a change of key or facts that older receipts do not satisfy raises it.
    content: what identifies the artifact. key: the decisions that it was built from. facts: counts and measurements.
    """

    SCHEMA: ClassVar[int] = 1

    schema: int
    content: str
    if TYPE_CHECKING:
        key: Key
    else:
        key: dict  # as stored, so a key unknown to the model still counts as a difference
    inputs: tuple[Input, ...]
    outputs: tuple[Output, ...]
    facts: Facts
    run: RunRecord

    @property
    def step(self) -> str:
        """The rule that made it."""
        return str(self.__struct_config__.tag)

    @classmethod
    def made(
        cls,
        run: Run,
        *,
        key: Key,
        inputs: Iterable[Input],
        outputs: Sequence[Output],
        facts: Facts,
        content: str | None = None,
    ) -> Self:
        """The receipt of a run's outputs. content: by default the digest of the outputs' names and digests."""
        return cls(
            schema=cls.SCHEMA,
            content=content or digest_json({Path(output.path).name: output.sha256 for output in outputs}),
            key=key,
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            facts=facts,
            run=run.record(),
        )

    def as_input(self, path: Path | str) -> Input:
        """The artifact as an input of another step. path: of this receipt."""
        return Input("receipt", str(path), self.content)

    def write(self, path: Path) -> None:
        """Write it as JSON, whole or not at all."""
        write_json(path, msgspec.to_builtins(self))


def missing_output(receipt: Receipt[Any, Any]) -> str | None:
    """The first listed file that is missing or has another size; None if there is none."""
    for output in receipt.outputs:
        if not os.path.exists(output.path) or os.path.getsize(output.path) != output.bytes:
            return output.path
    return None


def _processor_seconds() -> float:
    """CPU time of this process and its finished children, user and system."""
    return sum(os.times()[:4])


def _container() -> str | None:
    """The image that this process runs in, as its runtime names it, without a user name or password."""
    image = next(filter(None, map(os.environ.get, CONTAINER_VARIABLES)), None)
    return re.sub(r"(?<=://)[^/@]*@", "", image) if image else None


@cache
def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


@cache
def _git_state() -> GitState | None:
    try:
        commit = subprocess.run(["git", "rev-parse", "HEAD"], capture_output=True, text=True, check=True).stdout.strip()
        dirty = subprocess.run(["git", "diff", "--quiet", "HEAD"], check=False).returncode != 0
    except (OSError, subprocess.CalledProcessError):
        return None
    return GitState(commit, dirty)
