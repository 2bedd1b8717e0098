"""`nano3` says what it can do, imports only what it is asked for, and answers every mistake with one sentence."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

from nano3.commands.main import SECTIONS
from nano3.commands.main import nano3 as group
from tests.conftest import REPOSITORY, House, nano3


def commands(at: click.Command, *names: str) -> list[tuple[str, ...]]:
    """The words that lead to each command, groups too."""
    own = [names] if names else []
    if not isinstance(at, click.Group):
        return own
    context = click.Context(at)
    inner = {name: at.get_command(context, name) for name in at.list_commands(context)}
    return own + [words for name, command in inner.items() if command for words in commands(command, *names, name)]


@pytest.mark.parametrize("words", commands(group), ids=" ".join)
def test_every_command_explains_itself_and_writes_nothing(words: tuple[str, ...], tmp_path: Path) -> None:
    done = nano3(*words, "--help", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: nano3 {' '.join(words)} ")
    assert not list(tmp_path.iterdir())


def test_help_shows_commands_by_what_a_person_wants() -> None:
    printed = nano3("--help").stdout
    places = [printed.index(f"{section}:\n") for section in SECTIONS]
    assert places == sorted(places)
    assert all(f"  {name} " in printed for names in SECTIONS.values() for name in names)


def test_a_command_imports_only_what_it_needs() -> None:
    code = "import sys; import nano3.commands.main; print({'pydantic', 'numpy', 'yaml', 'rich'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"PYTHONPATH": "scripts"}
    )
    assert done.stdout == "set()\n"


def test_a_mistake_is_one_sentence(tmp_path: Path) -> None:
    done = nano3("plan", "--recipe", "tinny")
    assert (done.returncode, done.stdout) == (1, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("nano3 plan: config/recipes/tinny.yaml: no such file; did you mean tiny?")
    done = nano3("plna")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        2,
        "nano3: no such command 'plna'; did you mean plan?; see nano3 --help",
    )
    done = nano3("plan", cwd=tmp_path)
    assert done.returncode == 1
    assert (
        done.stderr == "nano3 plan: this folder is not the repository: cd to the one that has Snakefile and config/\n"
    )


def test_a_library_that_is_not_installed_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "pydantic.py").write_text("raise ModuleNotFoundError(\"No module named 'pydantic'\", name='pydantic')")
    done = nano3("plan", PYTHONPATH=f"{tmp_path}:{REPOSITORY / 'scripts'}")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "nano3: the library pydantic is not installed here: activate the environment, . .venv/bin/activate, "
        "or make it with `make demo`\n"
    )


def test_a_reader_that_has_seen_enough_is_no_error() -> None:
    command = f"set -o pipefail; {sys.executable} -m nano3 recipe compare nano3 tiny --json | head -1"
    done = subprocess.run(
        ["bash", "-c", command],
        capture_output=True,
        text=True,
        check=False,
        env={"PYTHONPATH": "scripts", "PATH": "/usr/bin:/bin"},
    )
    assert (done.stdout, done.stderr) == ("{\n", "")


def test_it_is_the_command_of_the_repository_one_stands_in(bare_house: House) -> None:
    bare_house.edit("scripts/nano3/commands/main.py", "Pretraining as an artifact graph", "Another checkout")
    assert "Another checkout" in bare_house.nano3("--help").stdout
