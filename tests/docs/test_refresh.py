"""Pages of docs/ show what their commands print today, schemas what the code reads."""

import json
from pathlib import Path

import pytest
from docs.refresh import SCHEMAS, PageError, refreshed

HOW = "run PYTHONPATH=scripts python docs/refresh.py"


def test_the_page_of_recipes_shows_what_its_commands_print() -> None:
    text = Path("docs/recipes.md").read_text(encoding="utf-8")
    assert refreshed(text, draw=False) == text, HOW


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_committed_schemas_are_those_of_the_code(name: str) -> None:
    committed = json.loads(Path(f"config/{name}.schema.json").read_text(encoding="utf-8"))
    assert committed == SCHEMAS[name].model_json_schema(), HOW


def test_a_command_that_fails_is_named() -> None:
    with pytest.raises(PageError, match=r"nano3 mixture none: nano3 mixture: config/recipes/none\.yaml: no such file"):
        refreshed("<!-- nano3 mixture none -->\n<!-- up to here -->")
