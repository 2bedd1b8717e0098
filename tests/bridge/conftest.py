"""
Tests with the real Megatron-Bridge, in an environment of its own: `make test-bridge`. Elsewhere they are not there.
"""

from importlib.metadata import PackageNotFoundError, version

import pytest

try:
    version("megatron-bridge")
except PackageNotFoundError:
    collect_ignore_glob = ["test_*.py"]
else:
    import os
    from pathlib import Path

    from tests.bridge.pretended import pretend
    from tests.training.conftest import corpus  # noqa: F401

    os.environ["TORCHDYNAMO_DISABLE"] = "1"
    pretend()

    @pytest.fixture(autouse=True)
    def in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
        """Paths in recipes are relative to the repository."""
        monkeypatch.chdir(Path(__file__).resolve().parents[2])
