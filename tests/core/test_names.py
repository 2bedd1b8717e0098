"""A recipe, dataset or tokenizer is the same one by its name and by its file."""

from pathlib import Path

import pytest

from nano3.core.names import MisplacedError, dataset_name, pinned_name, recipe_name, tokenizer_name
from tests.conftest import REPOSITORY


@pytest.mark.parametrize(
    "text",
    [
        "team",
        "team.yaml",
        "config/recipes/team.yaml",
        "./config/recipes/team.yaml",
        "config/recipes/team",
        "config/../config/recipes//team.yaml",
        str(REPOSITORY / "config/recipes/team.yaml"),
        " team",
    ],
)
def test_a_recipe_may_be_named_by_its_file(text: str) -> None:
    assert recipe_name(text) == "team"


def test_a_dataset_and_a_tokenizer_may_be_named_by_their_pins_too() -> None:
    assert dataset_name("config/datasets/my-web.yaml") == dataset_name("config/datasets/my-web.tsv") == "my-web"
    assert tokenizer_name("config/tokenizers/own.tsv") == tokenizer_name("own") == "own"


def test_dots_of_a_name_are_no_ending() -> None:
    assert dataset_name("cc-v2.1-high-quality") == "cc-v2.1-high-quality"
    assert dataset_name("config/datasets/cc-v2.1-high-quality.yaml") == "cc-v2.1-high-quality"
    assert recipe_name("tiny+63c97beea075") == "tiny+63c97beea075"


def test_a_file_elsewhere_is_one_sentence_with_the_remedy(tmp_path: Path) -> None:
    remedy = r": a recipe is a file in config/recipes: move it there as team\.yaml, and name it team$"
    for text in ("my/team.yaml", "../team.yaml", str(tmp_path / "team.yaml"), "config/team"):
        with pytest.raises(MisplacedError, match=remedy):
            recipe_name(text)
    with pytest.raises(MisplacedError, match="a dataset is a file in config/datasets"):
        dataset_name("config/recipes/team.yaml")


@pytest.mark.parametrize("text", ["", " ", "config/recipes/", ".yaml"])
def test_no_name_at_all_is_said(text: str) -> None:
    with pytest.raises(MisplacedError, match="names no recipe: give the name of a file in config/recipes"):
        recipe_name(text)


def test_a_link_to_the_folder_is_the_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "config/recipes").mkdir(parents=True)
    (tmp_path / "mine").symlink_to("config/recipes")
    monkeypatch.chdir(tmp_path)
    assert recipe_name("mine/team.yaml") == "team"


def test_what_is_pinned_is_a_dataset_or_a_tokenizers_file() -> None:
    assert pinned_name("config/datasets/my-web.yaml") == pinned_name("my-web") == "my-web"
    assert pinned_name("config/tokenizers/own.yaml") == "own"
