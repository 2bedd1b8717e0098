"""Pages of docs/ show what their commands print today."""

from pathlib import Path

import pytest

from nano3.config.load import load_recipe
from nano3.preview.mixture import mixture_plan
from nano3.preview.pages import PageError, refreshed


def test_the_page_of_recipes_shows_what_its_commands_print() -> None:
    text = Path("docs/recipes.md").read_text(encoding="utf-8")
    assert refreshed(text, draw=False) == text, "run python scripts/refresh_page.py --page docs/recipes.md"


def test_both_recipes_have_the_mixture_that_the_page_shows_once() -> None:
    one, other = (mixture_plan("", load_recipe(name)[1]) for name in ("nano3", "nano3-report"))
    assert one == other


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(
        PageError, match=r"plan_mixture\.py none: plan_mixture: config/recipes/none\.yaml: no such file"
    ):
        refreshed("<!-- python scripts/plan_mixture.py none -->\n<!-- up to here -->")
