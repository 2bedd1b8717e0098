"""Every value of a recipe has the source that its own file gives for it; what is inherited says from where."""

from pathlib import Path

import yaml

from nano3.recipes.extends import Composition, read_composition
from nano3.recipes.overrides import changed
from nano3.report.sources import Value, values
from tests.conftest import REPOSITORY

RECIPE = REPOSITORY / "config/recipes/tiny.yaml"


def by_key(composition: Composition) -> dict[str, Value]:
    return {each.key: each for each in values(composition)}


def test_every_value_of_the_recipe_has_the_source_that_its_file_gives() -> None:
    tiny = read_composition("tiny", RECIPE.parent)
    found = by_key(changed(tiny, {"train.seed": 7, "train.train_iters": 5}, "--set"))
    assert found["optimizer.adam_beta1"].value == "0.9"
    assert found["optimizer.adam_beta1"].source == 'specification, "Hyperparameters"'
    assert found["model"].value == ""
    assert found["model"].source.startswith("report, table 1")
    assert (found["model.hidden_size"].value, found["model.hidden_size"].source) == ("128", "")
    assert found["phases.long_context.segments.long_1.sequence_length"].value == "1024"
    assert (found["train.seed"].value, found["train.seed"].source) == ("7", "--set")
    assert found["train.train_iters"].value == "5"
    assert {key.split(".")[0] for key in found} == set(yaml.safe_load(RECIPE.read_text(encoding="utf-8")))


def test_a_group_that_an_override_replaces_is_shown_as_it_is_then() -> None:
    tiny = read_composition("tiny", RECIPE.parent)
    found = by_key(changed(tiny, {"phases.phase2.mixture": {"tiny-math": 100}}, "--set"))
    mixture = {key: value for key, value in found.items() if key.startswith("phases.phase2.mixture.")}
    assert [*mixture.values()] == [Value("phases.phase2.mixture.tiny-math", "100", "--set")]


def test_comments_of_a_base_are_no_sources_of_a_recipe_that_extends_it(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").write_text(RECIPE.read_text(encoding="utf-8"))
    (tmp_path / "team.yaml").write_text(
        "extends: tiny\noptimizer:\n  weight_decay: 0.2  # our sweep\nphases: {phase1: {mixture: {web: 1}}}\n"
    )
    found = by_key(read_composition("team", tmp_path))
    assert found["optimizer.weight_decay"] == Value("optimizer.weight_decay", "0.2", "our sweep")
    assert found["optimizer.adam_beta1"] == Value("optimizer.adam_beta1", "0.9", "from tiny")
    assert found["phases.phase1.mixture.web"] == Value("phases.phase1.mixture.web", "1", "")
    assert "model" not in found, "it has a comment of tiny's"
    assert not any("report" in each.source or "specification" in each.source for each in found.values())
