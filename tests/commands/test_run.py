"""A plan is printed, and drawn if asked for."""

import json

from tests.conftest import House


def test_a_plan_is_a_page_and_a_picture_too(bare_house: House) -> None:
    done = bare_house.nano3("plan", "phase1", "--json", "--html", "x.html", "--svg", "x.svg")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kinds"]
    assert "<html" in (bare_house.root / "x.html").read_text()
    assert "<svg" in (bare_house.root / "x.svg").read_text()


def test_other_recipes_are_named_unless_one_was(bare_house: House) -> None:
    lines = bare_house.nano3("plan").stdout.splitlines()
    assert lines[:2] == ["Recipe tiny", "Other recipes: nano3, nano3-report. Name one with --recipe."]
    assert "Other recipes" not in bare_house.nano3("plan", "--recipe", "tiny").stdout
