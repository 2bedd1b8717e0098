import hashlib
from pathlib import Path
from typing import Any

import pytest

from nano3.artifact.digest import canonical_json, differences, digest_file, digest_json


def test_a_value_has_one_text() -> None:
    assert (
        canonical_json({"b": [1, 0.5, None], "a": {"é": True, "d": "x"}}) == '{"a":{"d":"x","é":true},"b":[1,0.5,null]}'
    )


def test_swapped_values_are_another_value() -> None:
    assert digest_json({"a": 1, "b": 2}) != digest_json({"a": 2, "b": 1})
    assert digest_json({"a": 1, "b": 2}) == digest_json({"b": 2, "a": 1})


def test_not_a_number_has_no_digest() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        canonical_json({"loss": float("nan")})


def test_a_files_digest_is_the_sha256_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"abc\r\n")
    assert digest_file(tmp_path / "x") == hashlib.sha256(b"abc\r\n").hexdigest()


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ({"a": {"b": 1, "c": 2}}, {"a": {"c": 2, "b": 1}}, {}),
        ({"a": {"b": 1, "c": 2}, "d": 3}, {"a": {"b": 9, "c": 2}, "d": 4}, {"a.b": (1, 9), "d": (3, 4)}),
        ({"a": {"b": 1}}, {"a": {"c": 1}}, {"a.b": (1, None), "a.c": (None, 1)}),
        ({"a": {"b": 1}}, {"a": 1}, {"a": ({"b": 1}, 1)}),
        ({"a": [1, 2]}, {"a": [2, 1]}, {"a": ([1, 2], [2, 1])}),
    ],
)
def test_differences_are_named_by_dotted_key(before: Any, after: Any, expected: dict[str, tuple[Any, Any]]) -> None:
    assert differences(before, after) == expected
