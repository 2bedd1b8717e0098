"""One recipe is meant, however it is named."""

from pathlib import Path

import pytest

from nano3.commands.options import RECIPE, Choice
from nano3.core.schema import ConfigError
from tests.conftest import nano3


def test_options_take_precedence_over_the_file_and_the_rest_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("config/config.yaml").write_text("recipe: tiny\nset: train.seed=5\nsample: 100\nprune: false\n")
    settings = Choice("nano3", None, 0).settings()
    assert (settings.recipe, settings.set, settings.sample, settings.prune) == ("nano3", "train.seed=5", 0, False)
    assert Choice(None, "", None).settings().set == ""
    Path("config/config.yaml").write_text("recipe: tiny\nsmaple: 3\n")
    with pytest.raises(ConfigError, match="smaple: no such key; did you mean sample"):
        Choice().settings()


def test_what_was_given_is_repeated_to_snakemake() -> None:
    assert Choice().words == []
    assert Choice("nano3", "train.seed=5", 0).words == ["--config", "recipe=nano3", "set=train.seed=5", "sample=0"]


@pytest.mark.parametrize("name", ["tiny", "tiny.yaml", "config/recipes/tiny.yaml", "./config/recipes/tiny.yaml"])
def test_a_path_that_tab_completes_is_a_name(name: str) -> None:
    assert RECIPE.convert(name, None, None) == "tiny"


@pytest.mark.parametrize("words", [["mixture", "tiny"], ["mixture", "--recipe", "tiny"], ["mixture"]])
def test_a_recipe_is_named_by_its_place_or_by_the_option(words: list[str]) -> None:
    assert nano3(*words).stdout == nano3("mixture", "config/recipes/tiny.yaml").stdout != ""


def test_two_recipes_for_one_are_refused() -> None:
    done = nano3("mixture", "tiny", "--recipe", "nano3")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2, "nano3 mixture: two recipes are named, tiny and nano3: name one; see nano3 mixture --help",
    )  # fmt: skip
