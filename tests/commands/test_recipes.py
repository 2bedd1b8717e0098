"""Two recipes, with the same overrides in both."""

import json

from tests.conftest import nano3


def test_recipes_are_compared_with_the_overrides_of_both() -> None:
    words = ["recipe", "compare", "nano3", "nano3-report", "--json"]
    keys = json.loads(nano3(*words).stdout)["keys"]
    rest = json.loads(nano3(*words, "--set", "learning_rate.peak=5e-4").stdout)["keys"]
    assert keys.keys() - rest.keys() == {"learning_rate.peak"}
