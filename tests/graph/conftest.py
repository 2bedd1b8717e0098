"""Recipe tiny as a request: its catalogue with nothing built, and with everything built."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from nano3.config.load import load_recipe
from nano3.graph.request import Request
from tests.built import copy_catalogue, everything


@pytest.fixture
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The catalogue and recipe tiny, nothing built."""
    monkeypatch.chdir(tmp_path)
    return copy_catalogue(tmp_path)


@pytest.fixture(scope="session")
def tiny_original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with everything built. Tests leave it as it is and edit copies."""
    root = copy_catalogue(tmp_path_factory.mktemp("tiny"))
    with pytest.MonkeyPatch.context() as here:
        here.chdir(root)
        everything(tiny())
    return root


@pytest.fixture
def tiny_house(tiny_original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of tiny_original to edit."""
    monkeypatch.chdir(shutil.copytree(tiny_original, tmp_path / "house"))
    return tmp_path / "house"


def tiny(edits: Mapping[str, Any] | None = None) -> Request:
    """Recipe tiny. edits: values by dotted key, as if they stood in its file."""
    return Request.of(*load_recipe("tiny", edits=edits))


def rewrite(receipt: Path | str, **changes: Any) -> None:
    """Write a receipt again with other values of its fields."""
    values = json.loads(Path(receipt).read_text(encoding="utf-8"))
    Path(receipt).write_text(json.dumps(values | changes), encoding="utf-8")


def few_validation_tokens(dataset: str, tokens: int) -> None:
    """As if a dataset's validation set, and nothing else of its index, were another."""
    index = tiny().paths.index(dataset)
    facts = json.loads(Path(index).read_text(encoding="utf-8"))["facts"]
    rewrite(index, facts=facts | {"valid": {"tokens": tokens, "documents": 1}})
