"""Reasons are in words that a recipe's author knows, and short."""

from typing import Any

import pytest

from nano3.graph import reasons
from nano3.graph.reasons import changes, joined, written


@pytest.mark.parametrize(
    ("kind", "was", "today", "expected"),
    [
        ("blend", {"mixture": {"math": 1.0}}, {"mixture": {"math": 1.0}}, []),
        ("blend", {"mixture": {"math": 35.0}}, {"mixture": {"math": 40.0}}, ["share of math: 35 is now 40"]),
        ("blend", {"mixture": {}}, {"mixture": {"math": 0.5}}, ["share of math: none is now 0.5"]),
        ("blend", {"mixture": {"v2.1": 1}}, {"mixture": {}}, ["share of v2.1: 1 is now none"]),
        ("blend", {"code": 1, "tokens": 1}, {"code": 2, "tokens": 2}, ["blending code changed", reasons.TOKENS]),
        ("blend", {"earlier": [1]}, {"earlier": [2]}, ["earlier phases draw something else"]),
        ("index", {"shards": "a" * 64}, {"shards": "b" * 64}, [reasons.SHARDS]),
        ("cache", {"segments": [1]}, {"segments": []}, ["other samples are drawn"]),
        ("export", {"tokenizer": {"a.json": "1"}}, {"tokenizer": {"b.json": "1"}}, ["the tokenizer's files changed"]),
        ("tokens", {"tokenizer": {"bos": False}}, {"tokenizer": {"bos": True}}, ["tokenizer.bos: false is now true"]),
        ("report", {"template": "1"}, {"template": "2"}, ["the template changed"]),
        ("segment", {"before": None}, {"before": "x"}, [reasons.BEFORE]),
        ("segment", {"numerics_version": 1}, {"numerics_version": 2}, ["the numerics of training changed"]),
        ("segment", {"seed": 1}, {"seed": 2}, ["seed: 1 is now 2"]),
    ],
)
def test_a_difference_of_keys_in_words(kind: str, was: Any, today: Any, expected: list[str]) -> None:
    assert changes(kind, was, today) == expected


@pytest.mark.parametrize(
    ("was", "today", "expected"),
    [
        ({"blend": "a", "shares": {"x": 1, "y": 2}}, {"blend": "b", "shares": {"x": 2, "y": 1}}, [reasons.BLEND]),
        ({"consumed": {"v2.1": []}}, {"consumed": {"v2.1": [[1, 1]]}}, ["what was read of v2.1 before it"]),
        ({"first_sample": 1}, {"first_sample": 2}, ["the phase's segments before it are of another length"]),
    ],
)
def test_a_difference_of_what_a_segment_reads_in_words(was: Any, today: Any, expected: list[str]) -> None:
    assert changes("segment", {"data": was}, {"data": today}) == expected


@pytest.mark.parametrize("kind", reasons.CODE)
def test_every_kind_has_its_own_word_for_its_code(kind: str) -> None:
    assert changes(kind, {"code": "a"}, {"code": "b"}) == [reasons.CODE[kind]]
    assert list(reasons.CODE.values()).count(reasons.CODE[kind]) == 1


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([], None),
        (["one"], "one"),
        (["one", "two", "three"], "one; two; three"),
        (["one", "two", "three", "four"], "one; two; three; and 1 more"),
        (["one", "two", "three", "four", "five"], "one; two; three; and 2 more"),
    ],
)
def test_the_first_three_reasons_are_told_and_the_others_counted(several: list[str], expected: str | None) -> None:
    assert joined(several) == expected


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "none"),
        (True, "true"),
        (False, "false"),
        (1, "1"),
        (0, "0"),
        (0.0003, "0.0003"),
        (35.0, "35"),
        (1_000_000, "1000000"),
        ("minus_sqrt", "minus_sqrt"),
        ("x" * 24, "x" * 24),
        ("0123456789abcdef" * 4, "0123456789ab…"),
    ],
)
def test_a_value_is_written_as_a_recipe_would_and_short(value: Any, text: str) -> None:
    assert written(value) == text
