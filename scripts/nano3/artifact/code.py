"""
When is our own code the same? When its syntax tree is, without what decides no artifact.

Left out are comments, layout, docstrings and type comments; what is only said in an error, which is the arguments of
a call that is raised or whose name ends in Error; and what stands under `if TYPE_CHECKING:`, because it never runs.

The digest is the same under every Python from 3.11 on, in every locale, folder and process. The texts of ast.unparse
and ast.dump differ between versions of Python, so the tree is written here: without empty fields, because a field that
a newer Python adds is empty for older code.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json

SCRIPTS = Path(__file__).resolve().parents[2]
PACKAGE = Path(__file__).resolve().parents[1].name
# Where each step's code begins: what decides its artifact, and not the command line that calls it.
STEPS = {
    "tokenize_shard": "nano3/tokens/pipeline.py",
    "index_dataset": "nano3/corpus/index_dataset.py",
    "write_blend": "nano3/sampling/blend.py",
    "build_index_cache": "nano3/sampling/index_cache.py",
    "export_hf": "nano3/conversion/export.py",
    "write_lineage": "nano3/provenance/prov.py",
    "write_report": "nano3/report/page.py",
}
# How a step is recorded decides no artifact: a change that older receipts do not satisfy raises their schema.
RECORDS = {"nano3/artifact/receipt.py", "nano3/artifact/steps.py"}
LEFT_OUT = {"ctx", "kind", "type_comment", "type_ignores"}  # follow from the rest, or are no code


@cache
def digest_code(step: str, scripts: Path = SCRIPTS) -> str:
    """
    When has a step's code changed? When the meaning of the module that it starts with, or of any module of the package
    that it imports however far away, has: renaming a local variable counts, a comment or an error's wording does not.

    step: one of STEPS. Libraries do not count: a patch release must not rebuild a corpus; receipts record their
    versions.
    """
    return digest_json({module: _parsed(path.read_bytes())[1] for module, path in closure(step, scripts).items()})


def closure(step: str, scripts: Path = SCRIPTS) -> dict[str, Path]:
    """The module of a step and all of the package that it imports, directly or not: by path below scripts/, sorted."""
    seen: dict[str, Path] = {}
    start = STEPS[step]
    packages = [scripts / parent / "__init__.py" for parent in Path(start).parents]
    waiting = [scripts / start, *(path for path in packages if path.is_file())]
    while waiting:
        path = waiting.pop()
        name = path.relative_to(scripts).as_posix()
        if name not in seen and name not in RECORDS:
            seen[name] = path
            waiting += _imports(path, scripts)
    return dict(sorted(seen.items()))


def _imports(path: Path, scripts: Path) -> Iterator[Path]:
    for level, name in _parsed(path.read_bytes())[0]:
        parts = [part for part in name.split(".") if part]
        if level:
            parts = [*path.relative_to(scripts).parts[:-level], *parts]
        if parts and parts[0] == PACKAGE:
            for depth in range(1, len(parts) + 1):
                stem = scripts.joinpath(*parts[:depth])
                yield from (file for file in (stem / "__init__.py", stem.with_suffix(".py")) if file.is_file())


@cache  # steps share modules
def _parsed(source: bytes) -> tuple[list[tuple[int, str]], str]:
    """What a module imports, as dots before a name and the name, and the digest of its syntax tree."""
    writer = _Writer()
    writer.write(ast.parse(source))
    return writer.imports, hashlib.sha256("".join(writer.text).encode()).hexdigest()


class _Writer:
    """
    Writes a syntax tree as text, one for one tree, and notes the imports in it.

    (Class field:value ...) is a node, [value,value,] a list, and a constant its type and its repr: an int in hex,
    because repr refuses the largest, and a string in ASCII, because repr shows more characters with every new Unicode.
    """

    def __init__(self) -> None:
        self.text: list[str] = []
        self.imports: list[tuple[int, str]] = []

    def write(self, value: Any) -> None:
        """Add a node, a list or a constant."""
        if isinstance(value, ast.AST):
            self._note_import(value)
            self._write_node(type(value).__name__, _fields(value))
        elif isinstance(value, list):
            self.text.append("[")
            for part in value:
                self.write(part)
                self.text.append(",")
            self.text.append("]")
        else:
            written = hex(value) if type(value) is int else ascii(value)
            self.text.append(f"{type(value).__name__} {written}")

    def _write_node(self, name: str, fields: Iterator[tuple[str, Any]]) -> None:
        self.text.append(f"({name}")
        for field, value in fields:
            self.text.append(f" {field}:")
            self.write(value)
        self.text.append(")")

    def _note_import(self, node: ast.AST) -> None:
        if isinstance(node, ast.Import):
            self.imports += [(0, alias.name) for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            module = node.module or ""
            self.imports += [(node.level, name) for name in (module, *(f"{module}.{each.name}" for each in node.names))]


def _fields(node: ast.AST) -> Iterator[tuple[str, Any]]:
    """A node's fields that decide something and are not empty; a constant's value always."""
    if isinstance(node, ast.Constant):
        yield "value", node.value
        return
    for name in node._fields:
        value = getattr(node, name, None)
        match node:
            case ast.JoinedStr():
                value = _merged(node.values)
            case ast.Module() | ast.ClassDef() | ast.FunctionDef() | ast.AsyncFunctionDef() if name == "body":
                value = node.body[_has_docstring(node.body) :]
            case ast.Call() if name != "func" and _last_name(node.func).endswith("Error"):
                continue
            case ast.Raise(exc=ast.Call(func=error)) if name == "exc":
                value = error
            case ast.If() if name == "body" and _last_name(node.test) == "TYPE_CHECKING":
                continue
        empty = value is None or value == [] or (type(value) is int and value == 0)
        if name not in LEFT_OUT and not empty:
            yield name, value


def _has_docstring(body: list[ast.stmt]) -> bool:
    first = body[0] if body else None
    return isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant) and isinstance(first.value.value, str)


def _last_name(node: ast.expr) -> str:
    """`name` of name and of module.name; nothing of any other expression."""
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def _merged(values: list[ast.expr]) -> list[ast.expr]:
    """The parts of an f-string; text between two values is one part, however Python's parser divides it."""
    parts: list[ast.expr] = []
    for value in values:
        last = parts[-1] if parts else None
        if isinstance(value, ast.Constant) and isinstance(last, ast.Constant):
            parts[-1] = ast.Constant(str(last.value) + str(value.value))
        elif not (isinstance(value, ast.Constant) and value.value == ""):
            parts.append(value)
    return parts
