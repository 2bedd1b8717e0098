"""Previews print JSON and draw."""

import json

from tests.conftest import House


def test_the_tools_print_json_and_draw(bare_house: House) -> None:
    for script, recipes in (
        ("plan_mixture", ["nano3"]),
        ("show_schedule", ["tiny"]),
        ("compare_recipes", ["nano3", "tiny"]),
    ):
        done = bare_house.run(f"scripts/{script}.py", *recipes, "--json", "--png", "x.png", "--svg", "x.svg")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
        assert (bare_house.root / "x.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (bare_house.root / "x.svg").read_text()
