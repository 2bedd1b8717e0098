"""docs/troubleshooting.md explains messages that the code prints."""

import ast
import importlib.util
import re
from functools import cache
from pathlib import Path

import pytest

PAGE = Path("docs/troubleshooting.md").read_text(encoding="utf-8")
OURS, SNAKEMAKES = PAGE.split("## Snakemake's own messages")
MESSAGES = re.findall(r"^\| `([^`]+)`", OURS, re.M)
GAP = "…"


@cache
def strings() -> list[str]:
    """All texts in our code, with a gap for each value in them."""
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in Path("scripts").rglob("*.py")]
    found = []
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.JoinedStr):
            found.append("".join(str(part.value) if isinstance(part, ast.Constant) else GAP for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found.append(node.value)
    return found


def parts(message: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part.strip()) for part in message.split(GAP)), re.S)


@pytest.mark.parametrize("message", MESSAGES)
def test_the_code_prints_every_message(message: str) -> None:
    assert len(message.replace(GAP, "").strip()) > 8, "too short to tell messages apart"
    assert any(parts(message).search(text) for text in strings())


def test_a_message_that_nobody_prints_is_found() -> None:
    assert not any(parts("is not pinned: jump").search(text) for text in strings())


def test_snakemake_prints_the_others() -> None:
    spec = importlib.util.find_spec("snakemake")
    assert spec is not None
    assert spec.submodule_search_locations
    code = "".join(path.read_text() for path in Path(spec.submodule_search_locations[0]).rglob("*.py"))
    own = re.findall(r"^\| `([^`]+)`", SNAKEMAKES, re.M)
    assert len(own) > 3
    assert [message for message in own if message not in code and not any(message in text for text in strings())] == []
