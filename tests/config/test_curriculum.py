import pytest

from nano3.config.curriculum import Category, Chain, Repetition, Segment
from nano3.core.schema import ConfigError, validated


def test_each_round_of_a_chain_has_all_its_segments_in_order() -> None:
    long, short = (Segment.model_validate({"tokens": tokens}) for tokens in (2, 1))
    chain = Chain(rounds=2, segments={"long": long, "short": short})
    assert list(chain.expanded.items()) == [("long_1", long), ("short_1", short), ("long_2", long), ("short_2", short)]


@pytest.mark.parametrize("factors", [[1.0], [1.0, 2.0, 3.0], [0.0, 0.0]])
def test_factors_of_a_category_are_one_for_each_dataset_and_not_all_zero(factors: list[float]) -> None:
    with pytest.raises(ConfigError, match=rf"a\.yaml: factors: {len(factors)} for 2 datasets: give each one"):
        validated(Category, {"datasets": ["x", "y"], "factors": factors}, "a.yaml")
    assert Category(datasets=["x", "y"], factors=[0.0, 1.0]).factors == [0.0, 1.0]


def test_a_dataset_may_have_a_cap_of_its_own() -> None:
    repetition = Repetition(max_epochs=4, max_epochs_of={"x": 1.5}, over_cap="refuse")
    assert (repetition.most("x"), repetition.most("y")) == (1.5, 4)
