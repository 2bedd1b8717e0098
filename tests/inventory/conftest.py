"""A repository in which recipe tiny is built, and one with an override."""

import shutil
from pathlib import Path

import pytest

from nano3.config.load import load
from nano3.graph.request import Request
from nano3.recipes.record import Override, note_override
from tests.built import copy_catalogue, everything

SEED = "train.seed=5 phases.phase2.mixture.tiny-code=null"


@pytest.fixture(scope="session")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = copy_catalogue(tmp_path_factory.mktemp("inventory"))
    with pytest.MonkeyPatch.context() as here:
        here.chdir(root)
        everything(Request.of("tiny", load("tiny").recipe))
        loaded = load("tiny", SEED)
        everything(Request.of(loaded.name, loaded.recipe))
        note_override(loaded.name, Override(recipe="tiny", set=SEED, sample=0, changes=loaded.changes))
    return root


@pytest.fixture
def built(original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name of the override; the working directory is a copy to edit."""
    monkeypatch.chdir(shutil.copytree(original, tmp_path / "house"))
    return load("tiny", SEED).name
