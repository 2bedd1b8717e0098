"""Previews print JSON and draw."""

import json

from tests.conftest import House


def test_previews_print_json_and_draw(bare_house: House) -> None:
    for words in (["mixture", "nano3"], ["schedule", "tiny"], ["recipe", "compare", "nano3", "tiny"]):
        done = bare_house.nano3(*words, "--json", "--png", "x.png", "--svg", "x.svg")
        assert done.returncode == 0, done.stderr
        assert json.loads(done.stdout)
        assert (bare_house.root / "x.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (bare_house.root / "x.svg").read_text()


def test_a_layout_is_json_too(bare_house: House) -> None:
    (first, *_) = json.loads(bare_house.nano3("layout", "tiny", "--json").stdout)
    assert first | {"segment": "phase1/stable", "ranks": 1, "batch": 8, "idle_ranks": 0} == first
