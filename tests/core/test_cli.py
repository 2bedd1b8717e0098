"""A function's signature is its command line; every error is one line."""

import subprocess
import sys
from pathlib import Path

import pytest

from nano3.core.cli import run, words_after_dashes
from tests.conftest import REPOSITORY

VERB = '''
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal
from nano3 import Nano3Error
from nano3.core.cli import Argument, UsageError, run

def verb(
    names: Annotated[Sequence[str], Argument("what for", "NAME", positional=True)] = (),
    raw_file: Path | None = None,
    counts: Sequence[int] = (),
    key: dict[str, int] | None = None,
    mode: Literal["fast", "slow"] | None = None,
    overrides: Annotated[str, Argument(name="set")] = "",
    quick: bool = False,
) -> int | None:
    """What it does."""
    if "usage" in names:
        raise UsageError("name something else")
    if "error" in names:
        raise Nano3Error("it can't be done")
    if "long" in names:
        print("line\\n" * 100_000)
    if "pipe" in names:
        raise BrokenPipeError("of a worker")
    print(names, raw_file, counts, key, mode, overrides, quick)
    return 3 if quick else None

def other(number: float) -> None:
    """The other one."""
    print(number)
'''


def verb(*arguments: str, what: str = "verb", shell: str = "") -> subprocess.CompletedProcess[str]:
    code = f"{VERB}\nrun({what})"
    command = [sys.executable, "-c", code, *arguments]
    if shell:
        command = ["bash", "-c", f'set -o pipefail; "$@" {shell}', "bash", *command]
    environment = {"PYTHONPATH": str(REPOSITORY / "scripts"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_arguments_come_typed_and_what_is_left_out_is_the_default() -> None:
    words = ["a", "--raw-file", "x", "b", "--counts", "1", "2", "--counts", "3", "--key", '{"k": 1}', "--set", "y=1"]
    assert verb(*words, "--mode", "slow").stdout == "['a', 'b'] x [1, 2, 3] {'k': 1} slow y=1 False\n"
    assert verb().stdout == "[] None [] None None  False\n"


def test_a_status_is_what_the_function_returns() -> None:
    assert (verb().returncode, verb("--quick").returncode) == (0, 3)


def test_an_error_is_one_line_and_a_lack_shows_the_usage() -> None:
    done = verb("error")
    assert (done.returncode, done.stderr, done.stdout) == (1, "-c: it can't be done\n", "")
    done = verb("usage")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (2, "-c: error: name something else")
    assert "invalid choice: 'other'" in verb("--mode", "other").stderr


def test_a_reader_that_has_seen_enough_is_no_error_but_another_broken_pipe_is() -> None:
    done = verb("long", shell="| head -1")
    assert (done.stdout, done.stderr) == ("line\n", "")
    assert "BrokenPipeError: of a worker" in verb("pipe").stderr


def test_several_functions_are_subcommands() -> None:
    subcommands = '{"verb": verb, "other": other}'
    assert verb("other", "--number", "1e3", what=subcommands).stdout == "1000.0\n"
    assert verb("verb", "--quick", what=subcommands).returncode == 3
    assert verb(what=subcommands).returncode == 2
    assert "The other one." in verb("--help", what=subcommands).stdout


def test_a_type_that_no_command_line_can_give_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def function(value: set[str]) -> None: ...

    monkeypatch.setattr("sys.argv", ["it"])
    with pytest.raises(TypeError, match="can't give a set"):
        run(function)


def test_the_words_after_dashes_are_another_commands(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.argv", ["launch.py", "--nodes=1", "--", "python", "--", "x"])
    assert words_after_dashes() == ["python", "--", "x"]
    assert sys.argv == ["launch.py", "--nodes=1"]
    assert words_after_dashes() == []


@pytest.mark.parametrize(
    "script", sorted(path.name for path in (REPOSITORY / "scripts").glob("*.py") if "__doc__" in path.read_text())
)
def test_every_tool_has_a_command_line_that_explains_itself(script: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / script, "--help"],
        capture_output=True, text=True, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"usage: {script}")
    assert not list(tmp_path.iterdir())
