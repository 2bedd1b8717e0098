from pathlib import Path

import pytest

from nano3.config.options import given, settings_with
from nano3.core.schema import ConfigError


def test_options_take_precedence_over_the_file_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("config/config.yaml").write_text("recipe: tiny\nset: train.seed=5\nsample: 100\nprune: false\n")
    settings = settings_with(given("nano3", None, 0))
    assert (settings.recipe, settings.set, settings.sample, settings.prune) == ("nano3", "train.seed=5", 0, False)
    assert settings_with(given(None, "", None)).set == ""
    with pytest.raises(ConfigError, match="smaple: no such key; did you mean sample"):
        settings_with({"smaple": 3})
