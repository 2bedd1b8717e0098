"""An error of configuration names file, key and remedy."""

from pathlib import Path

import pytest
from pydantic import Field

from nano3.core.schema import Closed, ConfigError, read_yaml, validated


class Inner(Closed):
    seconds: float = Field(gt=0)


class Outer(Closed):
    name: str
    inner: Inner | None = None
    named: dict[str, Inner] = Field(default_factory=dict)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nmae": "x"}, "nmae: no such key; did you mean name?"),
        ({}, "name: this key is missing; add it"),
        ({"name": "x", "inner": {"seconds": 0}}, "inner.seconds: must be above 0, not 0"),
        ({"name": "x", "inner": {"minutes": 1, "seconds": 1}}, "inner.minutes: no such key; known keys here: seconds"),
        ({"name": "x", "named": {"a": {"second": 1}}}, "named.a.second: no such key; did you mean seconds?"),
    ],
)
def test_each_fault_is_one_line(values: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as error:
        validated(Outer, values, "a.yaml")
    assert str(error.value) == f"a.yaml: {said}"


def test_a_key_that_is_given_twice_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.yaml").write_text("x: 1\nx: 2\n")
    with pytest.raises(ConfigError, match=r"a\.yaml: line 2, column 1: not YAML: key 'x' is given twice"):
        read_yaml(tmp_path / "a.yaml")


def test_a_missing_file_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "tiny.yaml").touch()
    with pytest.raises(ConfigError, match=r"tinny\.yaml: no such file; did you mean tiny\?"):
        read_yaml(tmp_path / "tinny.yaml")


@pytest.mark.parametrize(
    "value", ["*.jsonl", "**/*.jsonl", "*a", "[ab]*.jsonl", "{a,b}.jsonl", "!a.jsonl", "@a", "`a`"]
)
def test_a_glob_without_quotes_is_shown_with_them(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.yaml").write_text(f"source: raw\nfiles: {value}   # all\nabout: x\n")
    with pytest.raises(ConfigError) as error:
        read_yaml(tmp_path / "a.yaml")
    assert str(error.value).startswith(f"{tmp_path}/a.yaml: line 2, column ")
    assert str(error.value).endswith(f": quote it, files: '{value}'")


@pytest.mark.parametrize("value", ["{a: 1, b", "[1, 2", "'x", '"*.jsonl', "{a: [1}"])
def test_quotes_are_no_remedy_for_a_value_that_is_cut(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.yaml").write_text(f"files: {value}\n")
    with pytest.raises(ConfigError) as error:
        read_yaml(tmp_path / "a.yaml")
    assert "quote it" not in str(error.value)
