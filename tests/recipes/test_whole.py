"""A recipe that is shown in full is a recipe with the same artifacts, and says where each value is from."""

import shutil
from pathlib import Path

import pytest

from nano3.config.load import Loaded, load, load_recipe
from nano3.recipes.whole import Line, as_json, as_yaml, lines

OVERRIDES = "phases.phase2.mixture='{tiny-math: 1, tiny-code: 2}' tokenizer.max_doc_tokens=50 train.train_iters=60"
TEAM = "extends: tiny\nabout: 'On: our data.'\ntrain:\n  seed: 7\nmodel: {vocab_size: auto}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("tiny", "nano3", "nano3-report"):
        shutil.copy(f"config/recipes/{name}.yaml", tmp_path)
    (tmp_path / "team.yaml").write_text(TEAM)
    return tmp_path


def shown(loaded: Loaded) -> list[Line]:
    return lines(loaded.said.model_dump(mode="json"), loaded.composition)


@pytest.mark.parametrize(
    ("name", "overrides", "sample"),
    [("tiny", OVERRIDES, 30), ("team", "", 0), ("team", "train.seed=8", 0), ("nano3", "", 0), ("nano3-report", "", 0)],
)
def test_what_is_shown_is_the_same_recipe(folder: Path, name: str, overrides: str, sample: int) -> None:
    loaded = load(name, overrides, sample, folder)
    (folder / "copy.yaml").write_text(as_yaml(shown(loaded), "Copied."))
    assert load_recipe("copy", folder=folder)[1] == loaded.recipe


def test_each_value_says_where_it_is_from(folder: Path) -> None:
    text = as_yaml(shown(load("team", "train.block_tokens=4096", 30, folder)), "Team.")
    rows = {
        tuple(line.split("#")[0].split()): line.split("#")[1].strip() for line in text.splitlines()[2:] if "#" in line
    }
    assert rows["seed:", "7"] == "team.yaml:4"
    assert rows["vocab_size:", "4096"] == "team.yaml:5"
    assert rows["hidden_size:", "128"] == "tiny.yaml:27"
    assert rows["block_tokens:", "4096"] == "--set"
    assert rows["sample:", "30"] == "--sample"
    assert rows["engine:", "auto"] == "default"
    assert text.startswith("# Team.\nabout: 'On: our data.'")


def test_as_json_every_value_has_file_and_line(folder: Path) -> None:
    found = as_json(shown(load("team", "", 0, folder)))
    assert found["train.seed"] == {"value": 7, "source": str(folder / "team.yaml"), "line": 4}
    assert found["optimizer.adam_eps"] == {"value": 1e-8, "source": "default", "line": None}
    assert found["phases.long_context.segments.short.tokens"]["value"] == 4096
    assert "train" not in found
