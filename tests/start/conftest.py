import shutil
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository to start in, as it is cloned; data of tests lies beside it."""
    root = tmp_path / "repository"
    for part in ("config", "resources/tiny"):
        shutil.copytree(REPOSITORY / part, root / part)
    monkeypatch.chdir(root)
    return root
