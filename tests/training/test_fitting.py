"""One number, train_iters, makes a recipe as long as its data."""

import pytest

from nano3.config.load import load_recipe
from nano3.config.mixture import MixtureError
from nano3.config.recipe import Recipe
from nano3.training.fitting import fit_to_data
from nano3.training.spec import scheduled_segments

DATA = {"tiny-english": 1_000_000, "tiny-code": 2_000_000, "tiny-math": 500_000, "tiny-spanish": 900_000}


def tokens_read(recipe: Recipe, dataset: str) -> float:
    """Of a dataset, by a recipe without categories."""
    return sum(
        scheduled.tokens * mixture[dataset] / sum(mixture.values())
        for scheduled in scheduled_segments(recipe)
        if dataset in (mixture := recipe.phases[scheduled.phase].mixture)
    )


@pytest.mark.parametrize("epochs", [0.5, 1, 3])
def test_the_scarcest_dataset_is_read_as_often_as_asked_for_and_no_more(epochs: float) -> None:
    recipe = load_recipe("tiny")[1]
    fit = fit_to_data(recipe, DATA, epochs)
    fitted = load_recipe("tiny", f"train.train_iters={fit.train_iters}")[1]
    read = {dataset: tokens_read(fitted, dataset) / count for dataset, count in DATA.items()}
    assert fit.epochs == pytest.approx(read)
    assert fit.scarcest == max(read, key=lambda dataset: read[dataset])
    assert epochs * 0.97 < read[fit.scarcest] <= epochs
    assert not fit.least
    longer = load_recipe("tiny", f"train.train_iters={fit.train_iters + 16}")[1]
    assert tokens_read(longer, fit.scarcest) > epochs * DATA[fit.scarcest]


def test_every_segment_keeps_a_step_however_few_the_data() -> None:
    recipe = load_recipe("tiny")[1]
    fit = fit_to_data(recipe, dict.fromkeys(DATA, 1000))
    assert fit.least
    assert fit.epochs[fit.scarcest] > 1
    fitted = load_recipe("tiny", f"train.train_iters={fit.train_iters}")[1]
    for _, _, segment, batch, length in fitted.segments():
        assert segment.tokens >= batch * length * 0.999
    shorter = load_recipe("tiny", f"train.train_iters={fit.train_iters - 1}")[1]
    assert any(segment.tokens < batch * length * 0.999 for _, _, segment, batch, length in shorter.segments())


def test_train_iters_that_the_recipe_says_already_does_not_matter() -> None:
    whole, short = load_recipe("tiny")[1], load_recipe("tiny", "train.train_iters=64")[1]
    assert abs(fit_to_data(short, DATA).train_iters - fit_to_data(whole, DATA).train_iters) <= 1


def test_a_category_is_read_by_its_datasets_tokens() -> None:
    recipe = load_recipe("nano3")[1]
    tokens = dict.fromkeys(recipe.datasets, 10**12)
    fit = fit_to_data(recipe, tokens)
    assert fit.epochs.keys() == set(recipe.datasets)
    assert max(fit.epochs.values()) <= 1


def test_a_dataset_without_tokens_is_an_error() -> None:
    with pytest.raises(MixtureError, match=r"tiny-math has share 0\.15 but its index counts 0 tokens"):
        fit_to_data(load_recipe("tiny")[1], DATA | {"tiny-math": 0})
