"""Every value of a recipe has the source that its file gives for it."""

import yaml

from nano3.report.sources import Value, values
from tests.conftest import REPOSITORY

RECIPE = REPOSITORY / "config/recipes/tiny.yaml"


def test_every_value_of_the_recipe_has_the_source_that_its_file_gives() -> None:
    text = RECIPE.read_text(encoding="utf-8")
    found = {each.key: each for each in values(text, {"train.seed": 7, "train.train_iters": 5})}
    assert found["optimizer.adam_beta1"].value == "0.9"
    assert found["optimizer.adam_beta1"].source == 'specification, "Hyperparameters"'
    assert found["model"].value == ""
    assert found["model"].source.startswith("report, table 1")
    assert (found["model.hidden_size"].value, found["model.hidden_size"].source) == ("128", "")
    assert found["phases.long_context.segments.long_1.sequence_length"].value == "1024"
    assert (found["train.seed"].value, found["train.seed"].source) == ("7", "--config set")
    assert found["train.train_iters"].value == "5"
    assert {key.split(".")[0] for key in found} == set(yaml.safe_load(text))


def test_a_comment_goes_on_where_the_next_line_is_nothing_else() -> None:
    text = "a:\n  b: 1   # one\n         # two\n  # another\n  c: [x, y]\n"
    assert values(text, {}) == [Value("a.b", "1", "one two"), Value("a.c", "x, y", "")]
