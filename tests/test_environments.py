"""Each step's environment has what its code imports, however far away and inside functions, too."""

import ast
import re
import sys
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.utils import canonicalize_name

from environments import asked, environment_file, environments, pins
from tests.conftest import REPOSITORY

SCRIPTS = REPOSITORY / "scripts"
ROOTS = (SCRIPTS, REPOSITORY)  # of `nano3` and of `tests`
OWN = ("nano3", "tests")
BRIDGE = "requirements-bridge.txt"
# Distributions share a namespace, and Bridge's is not installed here.
DISTRIBUTIONS = {
    "backports.zstd": "backports-zstd",
    "megatron.core": "megatron-core",
    "megatron.bridge": "megatron-bridge",
}
STANDARD = sys.stdlib_module_names | {"compression"}  # the latter from Python 3.14 on
# What starts ranks or Snakemake, and the modules of commands, by the extras that they need beyond the dependencies.
TOOLS: dict[str, list[str]] = {
    "controller": [],
    "nano3/commands/completion": [],
    "nano3/commands/data": ["tokens"],
    "nano3/commands/inspect": ["tokens", "report"],
    "nano3/commands/preview": ["report"],
    "nano3/commands/publish": ["wandb"],
    "nano3/commands/recipes": ["report"],
    "nano3/commands/run": ["tokens", "report"],
}
# train_segment has two trainers. Bridge's is never run in the environment of the other.
ABSENT = {("train_segment", "envs/train.yaml"): {"megatron-bridge"}}


@cache
def imports(source: str) -> frozenset[str]:
    """The dotted names that Python code imports, and the distributions whose version it asks for as `dist:name`."""
    names = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, "a relative import has no place in this test"
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "version":
            names |= {f"dist:{one.value!s}" for one in node.args if isinstance(one, ast.Constant)}
    return frozenset(names)


def files_of(names: Iterable[str]) -> set[Path]:
    """The repository's own files that are behind dotted names, with the packages around them."""
    found = set()
    for parts in (name.split(".") for name in names if name.partition(".")[0] in OWN):
        stems = [root.joinpath(*parts[: depth + 1]) for root in ROOTS for depth in range(len(parts))]
        found |= {file for stem in stems for file in (stem / "__init__.py", stem.with_suffix(".py")) if file.is_file()}
    return found


def needed(start: Mapping[Path, frozenset[str]]) -> dict[str, str]:
    """
    The distributions that some files need, and all files of the repository that they import; each with the first
    file and the import that need it. start: what the files import.
    """
    waiting, seen, found = dict(start), set(start), dict[str, str]()
    while waiting:
        path, names = waiting.popitem()
        for name in sorted(names):
            top = name.partition(".")[0]
            if top not in STANDARD and top not in OWN:
                found.setdefault(distribution(name), f"{path.relative_to(REPOSITORY)} imports {name}")
        new = files_of(names) - seen
        seen |= new
        waiting |= {file: imports(file.read_text(encoding="utf-8")) for file in new}
    return found


def distribution(name: str) -> str:
    """The normalized name of the distribution that a dotted name comes from."""
    if name.startswith("dist:"):
        return canonicalize_name(name.removeprefix("dist:"))
    for prefix, known in DISTRIBUTIONS.items():
        if f"{name}.".startswith(f"{prefix}."):
            return known
    candidates = sorted(set(map(canonicalize_name, _installed().get(name.partition(".")[0], []))))
    assert len(candidates) == 1, f"{name} is in {candidates or 'no library installed here'}: say which in DISTRIBUTIONS"
    return candidates[0]


@cache
def _installed() -> Mapping[str, list[str]]:
    return packages_distributions()


def lacks(what: str, start: Iterable[Path], environment: str, has: Iterable[str]) -> list[str]:
    """A sentence for each distribution that a verb needs and its environment lacks."""
    need = needed({path: imports(path.read_text(encoding="utf-8")) for path in start})
    missing = need.keys() - set(has) - ABSENT.get((what, environment), set())
    return [f"{what} needs {name} ({need[name]}), which {environment} lacks" for name in sorted(missing)]


def named(extras: Iterable[str]) -> set[str]:
    """The distributions that pyproject.toml names for some extras. What those need themselves does not count."""
    return {canonicalize_name(line.name) for line in asked(extras)}


def verbs_of_rules() -> list[tuple[str, str]]:
    """Each verb of a rule with the name of the rule's environment."""
    found = []
    for path in sorted((REPOSITORY / "rules").glob("*.smk")):
        for rule in re.split(r"^(?=(?:rule|checkpoint) )", path.read_text(encoding="utf-8"), flags=re.M)[1:]:
            verbs = re.findall(r"python scripts/(\w+)\.py", rule)
            names = re.findall(r'"\.\./envs/(\w+)\.yaml"', rule)
            assert not verbs or len(names) == 1, f"{path.name}: a rule without one environment: {rule.splitlines()[0]}"
            found += [(verb, names[0]) for verb in verbs]
    return sorted(set(found))


def planning() -> dict[Path, frozenset[str]]:
    """What the Snakefile and the rules import, which is Python at the beginning of a line."""
    files = [REPOSITORY / "Snakefile", *(REPOSITORY / "rules").glob("*.smk")]
    lines = {
        file: re.findall(r"^\s*(?:from [\w.]+ )?import .+", file.read_text(encoding="utf-8"), re.M) for file in files
    }
    return {file: imports("\n".join(line.strip() for line in found)) for file, found in lines.items()}


@pytest.mark.parametrize(("verb", "environment"), verbs_of_rules())
def test_the_environment_of_a_rule_has_what_its_verb_imports(verb: str, environment: str) -> None:
    has = named(environments()[environment])
    assert not lacks(verb, [SCRIPTS / f"{verb}.py"], f"envs/{environment}.yaml", has)


@pytest.mark.parametrize("tool", TOOLS)
def test_a_tool_imports_what_its_extras_name(tool: str) -> None:
    environment = f"nano3-pretraining[{','.join(TOOLS[tool])}]"
    assert not lacks(tool, [SCRIPTS / f"{tool}.py"], environment, named(TOOLS[tool]))


def test_planning_needs_no_extra() -> None:
    need = needed(planning())
    assert {"snakemake", "msgspec", "pydantic"} <= need.keys()
    assert not need.keys() - named([])


def test_every_verb_has_an_environment() -> None:
    verbs = {verb for verb, _ in verbs_of_rules()}
    assert verbs.isdisjoint(TOOLS)
    assert {path.stem for path in SCRIPTS.glob("*.py")} == {name for name in verbs | TOOLS.keys() if "/" not in name}


def bridge_files() -> list[Path]:
    verbs = [SCRIPTS / "launch.py", SCRIPTS / "train_segment.py"]
    return [*verbs, *(REPOSITORY / "tests/bridge").glob("*.py")]


def test_the_environment_of_bridge_has_what_training_and_its_tests_import() -> None:
    has = pins(REPOSITORY / BRIDGE)
    assert not lacks("train_segment with layout.trainer=bridge", bridge_files(), BRIDGE, has)
    assert "pytest-timeout" in has  # pytest's settings in pyproject.toml are for it
    for name in ("torch", "megatron-core"):
        assert has[name] == pins(REPOSITORY / "constraints.txt")[name], "both trainers run one version"


def test_envs_are_what_pyproject_and_constraints_say() -> None:
    files = {path.stem: path.read_text(encoding="utf-8") for path in (REPOSITORY / "envs").glob("*.yaml")}
    assert files == {name: environment_file(name) for name in environments()}, "run `make envs`, and commit envs/"


@pytest.mark.parametrize("extras", [*environments().values(), ["test"], ["slurm"]], ids=",".join)
def test_constraints_have_a_version_of_all_that_is_asked_for(extras: list[str]) -> None:
    assert named(extras) <= pins(REPOSITORY / "constraints.txt").keys(), "run `make constraints`"


@pytest.mark.parametrize(("verb", "environment"), verbs_of_rules())
def test_a_library_that_is_left_out_is_missed(verb: str, environment: str) -> None:
    start, has = SCRIPTS / f"{verb}.py", named(environments()[environment])
    for name in needed({start: imports(start.read_text(encoding="utf-8"))}).keys() & has:
        (line,) = lacks(verb, [start], f"envs/{environment}.yaml", has - {name})
        assert line.startswith(f"{verb} needs {name} (")
        assert line.endswith(f"which envs/{environment}.yaml lacks")


def test_bridge_without_msgspec_is_missed() -> None:
    """It once was: of all that training imports, only the module of receipts needs it."""
    (line,) = lacks("train_segment", bridge_files(), BRIDGE, pins(REPOSITORY / BRIDGE).keys() - {"msgspec"})
    assert re.fullmatch(
        rf"train_segment needs msgspec \(scripts/nano3/.+ imports msgspec\), which {BRIDGE} lacks", line
    )
