"""A function's signature is its command line; every error is one line."""

import subprocess
import sys

import pytest

from nano3.core.cli import run, words_after_dashes
from tests.conftest import REPOSITORY

VERB = '''
from collections.abc import Sequence
from pathlib import Path
from typing import Literal
from nano3 import Nano3Error
from nano3.core.cli import run

def verb(
    names: Sequence[str],
    raw_file: Path | None = None,
    counts: Sequence[int] = (),
    key: dict[str, int] | None = None,
    mode: Literal["fast", "slow"] | None = None,
    quick: bool = False,
) -> int | None:
    """What it does."""
    if "error" in names:
        raise Nano3Error("it can't be done")
    print(names, raw_file, counts, key, mode, quick)
    return 3 if quick else None
'''


def verb(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", f"{VERB}\nrun(verb)", *arguments]
    environment = {"PYTHONPATH": str(REPOSITORY / "scripts"), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_arguments_come_typed_and_what_is_left_out_is_the_default() -> None:
    words = ["--names", "a", "b", "--raw-file", "x", "--counts", "1", "2", "--counts", "3", "--key", '{"k": 1}']
    assert verb(*words, "--mode", "slow").stdout == "['a', 'b'] x [1, 2, 3] {'k': 1} slow False\n"
    assert verb("--names").stdout == "[] None [] None None False\n"


def test_a_status_is_what_the_function_returns() -> None:
    assert (verb("--names").returncode, verb("--names", "--quick").returncode) == (0, 3)


def test_an_error_is_one_line_and_a_lack_shows_the_usage() -> None:
    done = verb("--names", "error")
    assert (done.returncode, done.stderr, done.stdout) == (1, "-c: it can't be done\n", "")
    assert (verb().returncode, "--names" in verb().stderr) == (2, True)
    assert "invalid choice: 'other'" in verb("--names", "--mode", "other").stderr


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
