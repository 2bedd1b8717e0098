"""When is our own code the same? When its syntax tree is, without comments, docstrings and layout."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from nano3.artifact.digest import digest_json

SCRIPTS = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parents[1].name


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
