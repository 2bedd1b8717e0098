"""A receipt identifies what was made, says whether it is still on disk, and records how it was made."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from nano3.artifact import receipt as module
from nano3.artifact.receipt import CONTAINER_VARIABLES, GitState, Output, Run, missing_output
from nano3.artifact.steps import LineageFacts, LineageReceipt


def lineage(output: Output, code: str = "a") -> LineageReceipt:
    facts = LineageFacts(entity=1, activity=1, agent=1, shards=1)
    return LineageReceipt.made(Run(), key={"code": code}, inputs=[], outputs=[output], facts=facts)


def test_content_is_what_was_made_not_when_or_where() -> None:
    content = lineage(Output("a", 1, "0" * 64)).content
    assert lineage(Output("a", 1, "0" * 64), code="b").content == content
    assert lineage(Output("elsewhere/a", 1, "0" * 64)).content == content
    assert lineage(Output("a", 1, "1" * 64)).content != content
    assert lineage(Output("b", 1, "0" * 64)).content != content


def test_an_output_that_is_gone_or_of_another_size_is_missing(tmp_path: Path) -> None:
    path = tmp_path / "shard.bin"
    receipt = lineage(Output(str(path), 1, "2" * 64))
    assert missing_output(receipt) == str(path)
    path.write_bytes(b"x")
    assert missing_output(receipt) is None
    path.write_bytes(b"xy")
    assert missing_output(receipt) == str(path)


@pytest.mark.parametrize(
    ("variables", "image"),
    [
        ({}, None),
        ({"SLURM_CONTAINER": "", "SLURM_CONTAINER_IMAGE": "docker://me:secret@host/image:1"}, "docker://host/image:1"),
        ({"APPTAINER_CONTAINER": "/images/a@b.sif", "SLURM_CONTAINER": "/other"}, "/images/a@b.sif"),
    ],
)
def test_a_container_is_recorded_without_a_password(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], image: str | None
) -> None:
    for name in CONTAINER_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert Run().record().container == image


def test_versions_are_those_of_the_packages_that_are_installed() -> None:
    packages = Run(("numpy", "no-such-package-at-all")).record().packages
    assert packages == {"numpy": np.__version__, "no-such-package-at-all": None}


@pytest.fixture
def clone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A repository of one commit, apart from all others."""
    for name in [name for name in os.environ if name.startswith("GIT_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    folder = tmp_path / "clone"
    folder.mkdir()
    (folder / "file").write_text("one\n")
    git = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "file"], ["commit", "-qm", "One"]):
        subprocess.run([*git, *command], check=True)
    yield folder
    module._git_state.cache_clear()


def test_the_commit_is_dirty_if_a_tracked_file_differs_from_it(clone: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def state() -> GitState | None:
        module._git_state.cache_clear()
        return Run().record().git

    monkeypatch.chdir(clone)
    (clone / "untracked").touch()
    clean = state()
    assert clean is not None
    assert (len(clean.commit), clean.dirty) == (40, False)
    (clone / "file").write_text("two\n")
    assert state() == GitState(clean.commit, dirty=True)
    monkeypatch.chdir(clone.parent)
    assert state() is None
