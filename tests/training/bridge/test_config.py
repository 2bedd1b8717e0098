"""Which versions of Megatron-Bridge are taken. What needs one of them: tests/bridge/test_config.py."""

from importlib.metadata import PackageNotFoundError

import pytest

from nano3.training.attempts import TrainingError
from nano3.training.bridge import config as bridge_config


@pytest.mark.parametrize(
    ("installed", "taken"), [("0.3.0", False), ("0.3.1", True), ("0.2.9", False), ("0.9.0", False), ("0.3.2rc1", False)]
)
def test_versions(installed: str, taken: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridge_config, "version", lambda _: installed)
    if taken:
        assert bridge_config.check_version() == installed
    else:
        with pytest.raises(TrainingError, match=rf"megatron-bridge {installed} is not supported: use 0\.3\.1"):
            bridge_config.check_version()


def test_without_bridge_the_error_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(bridge_config, "version", absent)
    with pytest.raises(
        TrainingError, match="megatron-bridge is not installed: run in NVIDIA's container, or install it"
    ):
        bridge_config.check_version()
