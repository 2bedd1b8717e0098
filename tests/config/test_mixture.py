"""Shares: by dataset and category, under caps, exact."""

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nano3.config.mixture import MixtureError, as_floats, resolved

TOKENS = {"a": 100, "b": 300, "c": 600, "d": 1000}
MATH = {"math": {"datasets": ["a", "b"], "factors": None}}


def shares(decision: dict[str, Any], tokens: dict[str, int] | None = None) -> dict[str, Fraction]:
    return {part.dataset: part.share for part in resolved(decision, tokens or TOKENS)}


def capped(mixture: dict[str, float], tokens: int, most: float | dict[str, float], **more: Any) -> dict[str, Any]:
    caps = most if isinstance(most, dict) else dict.fromkeys(TOKENS, most)
    return {"mixture": mixture, "phase_tokens": tokens, "max_epochs": caps, "over_cap": "redistribute"} | more


def test_shares_of_datasets_do_not_depend_on_tokens() -> None:
    assert shares({"mixture": {"a": 0.1, "d": 0.3}}, {}) == {"a": Fraction(1, 4), "d": Fraction(3, 4)}


def test_a_share_of_a_category_is_divided_by_tokens_or_by_factors() -> None:
    mixture = {"mixture": {"math": 40, "c": 60}}
    assert shares(mixture | {"categories": MATH}) == {"a": Fraction(1, 10), "b": Fraction(3, 10), "c": Fraction(6, 10)}
    factors = {"math": MATH["math"] | {"factors": [3, 1]}}
    assert shares(mixture | {"categories": factors}) == {
        "a": Fraction(3, 10),
        "b": Fraction(1, 10),
        "c": Fraction(6, 10),
    }
    left_out = {"math": MATH["math"] | {"factors": [1, 0]}}
    assert shares(mixture | {"categories": left_out}) == {"a": Fraction(4, 10), "c": Fraction(6, 10)}


def test_a_dataset_with_its_own_share_gets_none_of_its_categorys() -> None:
    assert shares({"mixture": {"math": 1, "a": 1}, "categories": MATH}) == {"a": Fraction(1, 2), "b": Fraction(1, 2)}


def test_over_its_cap_a_share_goes_to_its_category_first_and_then_to_all() -> None:
    mixture: dict[str, float] = {"math": 40, "c": 30, "d": 30}
    within = shares(capped(mixture, 1000, {"a": 0.5, "b": 9, "c": 9, "d": 9}, categories=MATH))
    assert within == {"a": Fraction(5, 100), "b": Fraction(35, 100), "c": Fraction(30, 100), "d": Fraction(30, 100)}
    beyond = shares(capped(mixture, 1000, {"a": 0.5, "b": 0.5, "c": 9, "d": 9}, categories=MATH))
    assert beyond == {"a": Fraction(5, 100), "b": Fraction(15, 100), "c": Fraction(40, 100), "d": Fraction(40, 100)}


def test_what_earlier_phases_consume_counts_and_a_lower_cap_leaves_something_for_later_ones() -> None:
    def later(most: float) -> Fraction:
        first = capped({"a": 1, "d": 9}, 1000, most)
        return shares(capped({"a": 1, "d": 1}, 200, 2.0, earlier=[first]))["a"]

    assert later(1.5) == Fraction(1, 2)  # 100 of a are consumed, 100 are left, which is the target
    assert shares(capped({"a": 5, "d": 5}, 200, 2.0, earlier=[capped({"a": 2, "d": 8}, 1000, 2.0)]))["a"] == 0
    reserved = capped({"a": 2, "d": 8}, 1000, 1.5)
    assert shares(capped({"a": 5, "d": 5}, 200, 2.0, earlier=[reserved]))["a"] == Fraction(1, 4)


@pytest.mark.parametrize(
    ("decision", "message"),
    [
        (capped({"a": 1, "d": 1}, 1000, 2.0, over_cap="refuse"), r"in epochs: a 5 \(most: 2\): lower their shares"),
        (capped({"a": 1, "d": 1}, 4000, 2.0), "needs 4,000 tokens, but max_epochs and earlier phases leave 2,200"),
        ({"mixture": {"empty": 1, "d": 1}}, r"empty has share 0\.5 but its index counts 0 tokens: drop it"),
        (
            {"mixture": {"none": 1, "d": 1}, "categories": {"none": {"datasets": ["empty"], "factors": None}}},
            "category none has share 1 but its datasets have no tokens for it",
        ),
    ],
)
def test_an_impossible_mixture_says_why(decision: dict[str, Any], message: str) -> None:
    with pytest.raises(MixtureError, match=message):
        shares(decision, TOKENS | {"empty": 0})


@st.composite
def curricula(draw: st.DrawFn) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """Phases over some datasets, in categories or alone, and their tokens."""
    names = [f"d{number}" for number in range(draw(st.integers(2, 7)))]
    tokens = {name: draw(st.integers(1, 10**12)) for name in names}
    split = draw(st.integers(1, len(names) - 1))
    categories = {"one": {"datasets": names[:split], "factors": None}}
    share = st.floats(0.001, 100).map(lambda value: round(value, 3))
    phases = []
    for _ in range(draw(st.integers(1, 3))):
        mixture = {"one": draw(share)} | {name: draw(share) for name in names[split:]}
        phases.append(
            {
                "mixture": mixture,
                "categories": categories,
                "phase_tokens": draw(st.integers(1, 10**13)),
                "max_epochs": {name: draw(st.floats(0.1, 20).map(lambda value: round(value, 2))) for name in names},
                "over_cap": "redistribute",
            }
        )
    return phases, tokens


@settings(deadline=None)
@given(curricula())
def test_shares_are_exact_and_no_cap_is_exceeded(curriculum: tuple[list[dict[str, Any]], dict[str, int]]) -> None:
    phases, tokens = curriculum
    consumed = dict.fromkeys(tokens, Fraction())
    for number, phase in enumerate(phases):
        most = {name: Fraction(str(cap)) * tokens[name] for name, cap in phase["max_epochs"].items()}
        left = {name: max(Fraction(), most[name] - consumed[name]) for name in tokens}
        try:
            parts = resolved(phase | {"earlier": phases[:number]}, tokens)
        except MixtureError:
            assert sum(left.values()) < phase["phase_tokens"]
            return
        assert sum(part.asked for part in parts) == sum(part.share for part in parts) == 1
        floats = list(as_floats({part.dataset: part.share for part in parts}).values())
        assert sum(floats) == sum(reversed(floats)) == sum(sorted(floats)) == 1
        for part in parts:
            needed = part.share * phase["phase_tokens"]
            consumed[part.dataset] += needed
            left[part.dataset] -= needed
        assert min(left.values()) >= 0
        cut = [part for part in parts if part.share < part.asked]
        assert all(left[part.dataset] == 0 for part in cut)  # a share is cut only where tokens run out
        scales = {part.share / part.asked for part in parts if left[part.dataset] and part.category != "one"}
        assert len(scales) <= 1  # the excess is spread in proportion
