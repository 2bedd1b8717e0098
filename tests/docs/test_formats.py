"""docs/formats.md names a test for each kind of odd input, and every format that is read."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from nano3.formats.source import BY_LINE, COLUMNAR, PACKED
from nano3.raw.datasets import Dataset

PAGE = Path("docs/formats.md").read_text(encoding="utf-8")
TESTS = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", PAGE)


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse(Path(file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_every_row_names_a_test_that_exists() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and "`tests/" in line]
    assert len(rows) == len(TESTS) > 150
    assert [f"{file}::{name}" for file, name in TESTS if name not in functions(file)] == []


@pytest.mark.parametrize("word", [*COLUMNAR, *BY_LINE, *PACKED])
def test_every_format_is_named(word: str) -> None:
    assert f"`{word}`" in PAGE


@pytest.mark.parametrize("key", ["text_column", "document", "on_bad_row", "bad_rows_at_most", "duplicates"])
def test_the_keys_of_a_dataset_are_those_that_there_are(key: str) -> None:
    default = Dataset.model_fields[key].default
    line = next(line for line in PAGE.splitlines() if line.startswith(f"| `{key}` |"))
    assert "needed" in line if default is None else str(default) in line.rsplit("|", 2)[1]
