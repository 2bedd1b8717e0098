"""A recipe is shown in full, and two are compared with the same overrides in both."""

import json

import yaml

from tests.conftest import nano3


def test_a_recipe_is_shown_in_full_with_its_overrides() -> None:
    words = ["recipe", "show", "config/recipes/tiny.yaml", "--set", "train.seed=5"]
    text = nano3(*words).stdout
    assert text.startswith("# Recipe tiny+")
    assert yaml.safe_load(text)["train"]["seed"] == 5
    assert json.loads(nano3(*words, "--json").stdout)["train.seed"] == {"value": 5, "source": "--set", "line": None}


def test_recipes_are_compared_with_the_overrides_of_both() -> None:
    words = ["recipe", "compare", "nano3", "nano3-report", "--json"]
    keys = json.loads(nano3(*words).stdout)["keys"]
    rest = json.loads(nano3(*words, "--set", "learning_rate.peak=5e-4").stdout)["keys"]
    assert keys.keys() - rest.keys() == {"learning_rate.peak"}
