"""The page on the architecture names the packages that there are, with their questions and layers."""

import ast
import re
import tomllib
from pathlib import Path

PAGE, PACKAGE = Path("docs/architecture.md"), Path("scripts/nano3")


def questions() -> dict[str, str]:
    """The question that each package's docstring opens with."""
    documented = {
        path.parent.name: ast.get_docstring(ast.parse(path.read_text())) for path in PACKAGE.glob("*/__init__.py")
    }
    return {name: f"{(text or '').partition('?')[0]}?" for name, text in documented.items()}


def test_each_package_is_listed_with_its_question() -> None:
    rows = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M))
    assert rows == questions()


def test_the_diagram_has_the_layers_that_are_held() -> None:
    contracts = tomllib.loads(Path("pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    [layers] = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    groups = re.findall(r"subgraph .*\n(.*)\n    end", PAGE.read_text(encoding="utf-8"))
    drawn = [{name.split("[")[0].strip().rstrip("_") for name in group.split("~~~")} for group in groups]
    assert drawn == [set(layer.split(" | ")) for layer in layers]


def test_links_lead_somewhere() -> None:
    for page in (PAGE, Path("docs/glossary.md")):
        for link in re.findall(r"\]\((?!http|#)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (page.parent / link).exists(), link


def test_a_class_name_means_one_thing() -> None:
    names: dict[str, list[str]] = {}
    for path in PACKAGE.rglob("*.py"):
        for name in re.findall(r"^class (\w+)", path.read_text(), re.M):
            names.setdefault(name, []).append(str(path))
    assert {name: paths for name, paths in names.items() if len(paths) > 1} == {}
