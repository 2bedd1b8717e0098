"""A recipe trains as long as its data allow, and holds out some documents of few."""

import pytest

from nano3.config.load import load_recipe
from nano3.config.recipe import Holdout, Recipe
from nano3.start.folder import StartError
from nano3.start.sizes import fitting_holdout, fitting_steps, with_mixture

NONE_MORE = Holdout(valid=0.04, test=0.02)


@pytest.fixture
def recipe() -> Recipe:
    return with_mixture(load_recipe("tiny")[1], {"web": 75, "code": 25}, NONE_MORE)


def tokens(millions: float) -> dict[str, int]:
    """Of both datasets together, as their shares."""
    return {"web": int(millions * 750_000), "code": int(millions * 250_000)}


@pytest.mark.parametrize(
    ("millions", "epochs", "number", "remark"),
    [
        (100, None, 128, "which read 0% of the data; "),
        (1, None, 128, "which read 16% of the data; 7"),
        (0.1, None, 78, "which read the data once"),
        (0.02, None, 32, "the fewest that leave each segment a step, which read the data 2.0 times"),
        (1, 2, 1587, "which read the data 2.0 times; 7"),
    ],
)
def test_steps_follow_from_the_data(
    recipe: Recipe, millions: float, epochs: float | None, number: int, remark: str
) -> None:
    steps = fitting_steps(recipe, tokens(millions), epochs)
    assert steps.number == pytest.approx(number, abs=2)
    assert steps.remark.startswith(remark)


def test_held_out_documents_are_not_trained_on(recipe: Recipe) -> None:
    half = recipe.model_copy(update={"holdout": Holdout(valid=0.24, test=0.24)})
    steps = [fitting_steps(each, tokens(1), 1).number for each in (recipe, half)]
    assert steps[1] == pytest.approx(steps[0] * 0.52 / 0.94, rel=0.02)


def test_a_dataset_that_is_shorter_than_a_sample_is_one_sentence(recipe: Recipe) -> None:
    with pytest.raises(StartError) as error:
        fitting_steps(recipe, {"web": 100_000, "code": 1000}, None)
    assert str(error.value) == (
        "dataset code has about 940 tokens for training, and its longest sample takes 1,025: add data to it, or leave "
        "it out"
    )


@pytest.mark.parametrize(
    ("documents", "valid", "test"), [(10_000, 0.04, 0.02), (400, 0.04, 0.025), (100, 0.1, 0.1), (7, 0.2, 0.2)]
)
def test_some_of_few_documents_are_held_out(documents: int, valid: float, test: float) -> None:
    assert fitting_holdout(load_recipe("tiny")[1], documents) == Holdout(valid=valid, test=test)
