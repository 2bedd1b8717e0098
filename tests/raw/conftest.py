from pathlib import Path

import pytest

from tests.clock import Waits
from tests.hub import Hub
from tests.raw.corpus import FILES, REPOSITORY


@pytest.fixture(autouse=True)
def nobody_waits(waits: Waits) -> None:
    """What fails in passing is asked for again at once."""


@pytest.fixture
def catalogue(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "datasets").mkdir()
    return tmp_path / "datasets"


@pytest.fixture
def raw(hub: Hub, tmp_path: Path) -> Path:
    hub.commit(REPOSITORY, FILES)
    return tmp_path / "resources/raw/corpus/High-Quality.part-0.parquet"
