"""Two recipes side by side, whatever their phases, datasets and tokenizers are."""

from typing import Any

from nano3.config.load import load_recipe
from nano3.config.recipe import Recipe
from nano3.preview.sides import as_text, sides


def other_recipe() -> Recipe:
    """Tiny with two phases, one of another name, two datasets and a tokenizer of another name."""
    value = load_recipe("tiny")[1].model_dump()
    phases = value["phases"]
    start = phases["phase1"] | {"mixture": {"tiny-english": 70.0, "tiny-math": 30.0}}
    value["phases"] = {"start": start, "phase2": phases["phase2"] | {"mixture": {"tiny-math": 1.0}}}
    value["tokenizer"] |= {"name": "own", "eos_token": "<|end|>"}
    return Recipe.model_validate(value)


def both_ways() -> tuple[dict[str, Any], dict[str, Any]]:
    tiny, other = load_recipe("tiny"), ("other", other_recipe())
    return sides(*tiny, *other), sides(*other, *tiny)


def test_every_key_that_differs_is_listed_and_no_other() -> None:
    other = load_recipe("tiny", "train.seed=5 learning_rate.floor=2e-5")
    data = sides(*load_recipe("tiny"), "other", other[1])
    assert data["keys"] == {"learning_rate.floor": (3e-5, 2e-5), "train.seed": (1234, 5)}
    assert "| `train.seed` | 1,234 | 5 |" in as_text(data)


def test_every_phase_of_either_recipe_has_a_row() -> None:
    data, _ = both_ways()
    rows = {what: values for what, *values in data["rows"]}
    assert [what for what in rows if what in ("phase1", "start", "phase2", "long_context")] == [
        "phase1",
        "start",
        "phase2",
        "long_context",
    ]
    assert rows["start"] == [None, "123k tokens, 120 steps, sequences of 128"]
    assert rows["long_context"] == ["20.5k tokens, 24 steps, sequences of 1,024 and 128", None]
    assert rows["tokenizer"] == ["tiny", "own"]
    assert rows["datasets"] == ["4", "2"]
    assert "| start | – | 123k tokens, 120 steps, sequences of 128 |" in as_text(data)


def test_swapped_recipes_swap_the_columns_and_nothing_else() -> None:
    data, swapped = both_ways()
    assert swapped["rows"] == [[what, after, before] for what, before, after in data["rows"]]
    assert swapped["keys"] == {key: (after, before) for key, (before, after) in data["keys"].items()}
    assert list(swapped["keys"]) == list(data["keys"])
    assert swapped["curves"] == data["curves"][::-1]


def test_what_one_recipe_lacks_is_told_value_by_value_without_defaults() -> None:
    data, _ = both_ways()
    lacks = {key: values for key, values in data["keys"].items() if key.startswith("phases.long_context.")}
    assert lacks["phases.long_context.segments.long_1.tokens"] == (8192, None)
    assert lacks["phases.long_context.mixture.tiny-code"] == (30, None)
    assert not any(isinstance(value, dict) for values in data["keys"].values() for value in values)
    assert "phases.long_context.frozen" not in lacks
    assert "{" not in as_text(data)


def test_a_default_that_the_other_recipe_changes_is_told() -> None:
    data = sides(*load_recipe("tiny"), "other", load_recipe("tiny", "phases.phase2.frozen=true")[1])
    assert data["keys"] == {"phases.phase2.frozen": (False, True)}
    assert "| `phases.phase2.frozen` | false | true |" in as_text(data)


def test_lists_and_bars_in_values_keep_the_table_whole() -> None:
    data, _ = both_ways()
    assert "| `tokenizer.eos_token` | </s> | <\\|end\\|> |" in as_text(data)
    text = as_text(sides(*load_recipe("nano3"), *load_recipe("tiny")))
    assert "| `categories.wiki.datasets` | specialized-v1-wiki-rewrite | – |" in text
    assert "specialized-v1-infinibyte-reasoning, specialized-v1-scientific-coding | – |" in text
    assert "[" not in text


def test_a_recipe_beside_itself_differs_in_no_key() -> None:
    text = as_text(sides(*load_recipe("tiny"), *load_recipe("tiny")))
    assert text.startswith("|  | tiny | tiny |")
    assert text.endswith("No key differs.")
