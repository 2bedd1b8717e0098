"""
What does each step need? What pyproject.toml says: the dependencies, and the extras of its environment in
[tool.nano3.environments]. `make envs` writes envs/*.yaml from there, with the versions of constraints.txt.

A file says all of it, exact versions and what libraries need themselves, and no path. Snakemake copies it beside the
environment, which `--conda-prefix` may put anywhere, and takes an environment for the same while the file's bytes are:
a path in it would lead elsewhere, and a version outside it could change without a new environment.
"""

import sys
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

FOLDER = Path(__file__).resolve().parent
REPOSITORY = FOLDER.parent
# What markers of requirements are asked about: where envs/*.yaml are installed, not where they are written.
PYTHON = "3.11"
TARGET = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_system": "Linux",
    "python_full_version": f"{PYTHON}.0",
    "python_version": PYTHON,
    "sys_platform": "linux",
}


@cache
def project() -> dict[str, object]:
    """The whole of pyproject.toml."""
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))


def environments() -> dict[str, list[str]]:
    """The extras of each environment that has a file here, by its name."""
    found: dict[str, list[str]] = project()["tool"]["nano3"]["environments"]  # type: ignore[index]
    return found


def asked(extras: Iterable[str]) -> list[Requirement]:
    """What pyproject.toml asks for: its dependencies and these extras, with the extras that they name."""
    table: Mapping[str, object] = project()["project"]  # type: ignore[assignment]
    optional: Mapping[str, list[str]] = table["optional-dependencies"]  # type: ignore[assignment]
    dependencies: list[str] = table["dependencies"]  # type: ignore[assignment]
    found = [Requirement(line) for line in dependencies]
    waiting = list(extras)
    while waiting:
        for line in map(Requirement, optional[waiting.pop()]):
            if line.name == table["name"]:
                waiting += line.extras
            else:
                found.append(line)
    return sorted(set(found), key=lambda line: line.name.lower())


def pins(path: Path) -> dict[str, str]:
    """The lines `name==version` of a file by normalized name."""
    lines = (line.partition("#")[0].strip() for line in path.read_text(encoding="utf-8").splitlines())
    return {canonicalize_name(line.partition("==")[0]): line for line in lines if "==" in line}


def with_all_they_need(requirements: Iterable[Requirement]) -> Iterator[str]:
    """
    The normalized names of requirements and of all that these need, as the libraries installed here say; of one that
    is not installed its name alone.
    """
    seen: set[tuple[str, str]] = set()
    waiting = [(line.name, extra) for line in requirements for extra in ("", *line.extras)]
    while waiting:
        name, extra = waiting.pop()
        if (key := (canonicalize_name(name), extra)) in seen:
            continue
        seen.add(key)
        for line in map(Requirement, _requires(name)):
            if line.marker is None or line.marker.evaluate(TARGET | {"extra": extra}):
                waiting += [(line.name, more) for more in ("", *line.extras)]
    yield from sorted({name for name, _ in seen})


def _requires(name: str) -> list[str]:
    try:
        return requires(name) or []
    except PackageNotFoundError:
        return []


def environment_file(name: str) -> str:
    """
    The text of envs/{name}.yaml. Raises KeyError for a requirement that constraints.txt has no version of.

    What a library needs and constraints.txt lacks is left to pip: setuptools, which `pip freeze` never tells, and the
    CUDA libraries of PyPI's torch, which the CPU's wheel that made constraints.txt does without.
    """
    versions = pins(REPOSITORY / "constraints.txt")
    requirements = asked(environments()[name])
    direct = {(key := canonicalize_name(line.name)): versions[key] for line in requirements}
    needed = [versions[key] for key in with_all_they_need(requirements) if key in versions and key not in direct]
    return "\n".join(
        [
            "# For --software-deployment-method conda. Written by `make envs` from pyproject.toml and constraints.txt.",
            "channels:",
            "  - conda-forge",
            "dependencies:",
            f"  - python={PYTHON}",
            "  - pip",
            "  - pip:",
            *(f"      - {line}" for line in direct.values()),
            "      # what these need",
            *(f"      - {line}" for line in needed),
            "",
        ]
    )


if __name__ == "__main__":
    for name in environments():
        (FOLDER / f"{name}.yaml").write_text(environment_file(name), encoding="utf-8")
        sys.stdout.write(f"envs/{name}.yaml\n")
