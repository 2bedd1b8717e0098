"""
When are two things the same? When their contents are: bytes for files, canonical JSON for values, and for our own
code its syntax tree without comments, docstrings and layout.
"""

import ast
import hashlib
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

SCRIPTS = Path(__file__).resolve().parent.parent
PACKAGE = Path(__file__).resolve().parent.name


def digest_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits; memory does not grow with the file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted, no spaces, no NaN. Raises ValueError or TypeError for what JSON lacks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def differences(before: Any, after: Any, key: str = "") -> dict[str, tuple[Any, Any]]:
    """What differs between two values: by dotted key, the one before and the one after; None where there is none."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {} if before == after else {key: (before, after)}
    parts: dict[str, tuple[Any, Any]] = {}
    for name in sorted(before.keys() | after.keys()):
        parts |= differences(before.get(name), after.get(name), f"{key}.{name}" if key else name)
    return parts


def short(digest: str) -> str:
    """The first 12 digits: enough for a folder's name."""
    return digest[:12]


@cache
def digest_code(verb: str, scripts: Path = SCRIPTS) -> str:
    """
    When has a step's code changed? When the meaning of scripts/{verb}.py, or of any module of the package that it
    imports however far away, has: renaming a local variable counts, a comment, a docstring or formatting does not.

    Libraries do not count: a patch release must not rebuild a corpus; receipts record their versions.
    """
    modules = {
        path.relative_to(scripts).as_posix(): _parsed(path.read_bytes())[1]
        for path in _closure(scripts / f"{verb}.py", scripts)
    }
    return digest_json(modules)


def _closure(start: Path, scripts: Path) -> list[Path]:
    """The file and every file of the package that it imports, directly or not."""
    seen: set[Path] = set()
    waiting = [start]
    while waiting:
        path = waiting.pop()
        if path not in seen:
            seen.add(path)
            waiting += _imports(path, scripts)
    return sorted(seen)


def _imports(path: Path, scripts: Path) -> Iterator[Path]:
    for name in _parsed(path.read_bytes())[0]:
        parts = name.split(".")
        for depth in range(1, len(parts) + 1):
            stem = scripts.joinpath(*parts[:depth])
            yield from (file for file in (stem / "__init__.py", stem.with_suffix(".py")) if file.is_file())


@cache  # steps share modules
def _parsed(source: bytes) -> tuple[list[str], str]:
    """What a module imports of the package, and its source as Python itself would write it, without docstrings."""
    tree = ast.parse(source)
    names: list[str] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
        elif isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0] if node.body else None
            if (
                isinstance(first, ast.Expr)
                and isinstance(first.value, ast.Constant)
                and isinstance(first.value.value, str)
            ):
                node.body = node.body[1:] or [ast.Pass()]
    return [name for name in names if name.partition(".")[0] == PACKAGE], ast.unparse(tree)
