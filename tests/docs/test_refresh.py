"""Pages of docs/ show what their commands print today, schemas what the code reads."""

import json
from pathlib import Path

import pytest
from docs.refresh import SCHEMAS, PageError, refreshed

from nano3.config.load import load_recipe
from nano3.preview.mixture import mixture_plan

HOW = "run PYTHONPATH=scripts python docs/refresh.py"


def test_the_page_of_recipes_shows_what_its_commands_print() -> None:
    text = Path("docs/recipes.md").read_text(encoding="utf-8")
    assert refreshed(text, draw=False) == text, HOW


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schemas_are_those_of_the_code(name: str) -> None:
    committed = json.loads(Path(f"config/{name}.schema.json").read_text(encoding="utf-8"))
    assert committed == SCHEMAS[name].model_json_schema(), HOW


def test_both_recipes_have_the_mixture_that_the_page_shows_once() -> None:
    one, other = (mixture_plan("", load_recipe(name)[1]) for name in ("nano3", "nano3-report"))
    assert one == other


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(
        PageError, match=r"plan_mixture\.py none: plan_mixture: config/recipes/none\.yaml: no such file"
    ):
        refreshed("<!-- python scripts/plan_mixture.py none -->\n<!-- up to here -->")
