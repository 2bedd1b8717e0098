"""An editor accepts the recipes that can be read, whole ones and those that extend another."""

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from nano3.config.recipe import Recipe
from tests.conftest import REPOSITORY

SCHEMA = Draft202012Validator(Recipe.model_json_schema())
TINY = yaml.safe_load((REPOSITORY / "config/recipes/tiny.yaml").read_text(encoding="utf-8"))


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(SCHEMA.schema)


@pytest.mark.parametrize("name", ["tiny", "nano3", "nano3-report"])
def test_the_recipes_of_the_repository_are_accepted(name: str) -> None:
    text = (REPOSITORY / f"config/recipes/{name}.yaml").read_text(encoding="utf-8")
    assert list(SCHEMA.iter_errors(yaml.safe_load(text))) == []


@pytest.mark.parametrize(
    "own",
    [
        {},
        {"about": "Mine.", "train": {"seed": 5}, "model": {"vocab_size": "auto"}},
        {"phases": {"phase1": {"mixture": {"web": 1}, "layout": None}, "phase2": None}, "repetition": None},
        {"phases": {"cooldown": {"mixture": {"web": 1}, "segments": {"anneal": {"tokens": 5}}}}},
    ],
)
def test_a_recipe_that_extends_another_says_what_it_likes(own: dict[str, Any]) -> None:
    assert SCHEMA.is_valid({"extends": "tiny"} | own)
    assert not SCHEMA.is_valid(own), "it lacks what the base would say"


@pytest.mark.parametrize(
    "own",
    [
        {"trian": {"seed": 5}},
        {"train": {"sed": 5}},
        {"train": {"seed": "five"}},
        {"phases": {"phase1": {"segments": {"stable": {}}}}},
        {"extends": 5},
    ],
)
def test_what_cannot_be_read_is_refused(own: dict[str, Any]) -> None:
    assert not SCHEMA.is_valid({"extends": "tiny"} | own)
    assert not SCHEMA.is_valid(TINY | own)
