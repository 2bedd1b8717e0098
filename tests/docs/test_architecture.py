"""The page on the architecture names the packages that there are, and tests mirror the packages."""

import ast
import re
import tomllib
from pathlib import Path

PAGE, PACKAGE, TESTS = Path("docs/architecture.md"), Path("scripts/nano3"), Path("tests")
# Modules with logic and no test file of their own, and the reason of each.
TESTED_ELSEWHERE = {
    "training/bridge/callback.py": "Megatron-Bridge calls it while it trains: tests/bridge/test_trainer.py lets it",
}


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
    diagram, *_ = re.findall(r"```text\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    lines = [re.split(r" {2,}", line.strip()) for line in diagram.splitlines()]
    drawn = [set(packages) for _, *packages in lines if packages]
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


def test_every_module_with_logic_has_its_test_file_in_the_mirrored_folder() -> None:
    missing = set()
    for path in PACKAGE.rglob("*.py"):
        module = path.relative_to(PACKAGE)
        logic = any(isinstance(node, ast.FunctionDef) for node in ast.walk(ast.parse(path.read_text())))
        folders = [module.parent]
        if module.is_relative_to("training/bridge"):
            folders.append(Path("bridge"))  # with the real Megatron-Bridge, in an environment of its own
        if logic and not any((TESTS / folder / f"test_{module.name}").is_file() for folder in folders):
            missing.add(str(module))
    assert missing == set(TESTED_ELSEWHERE)
