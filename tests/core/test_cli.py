"""A function's signature is its command line; every error is one line."""

import errno
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from nano3.core.cli import full_disk, run, words_after_dashes
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
    if "full" in names:
        with open("/dev/full", "wb") as file:
            file.write(b"1")
    if "wrapped" in names:
        try:
            open("/dev/full", "wb", buffering=0).write(b"1")
        except OSError as error:
            raise RuntimeError("a library wraps it") from error
    if "library" in names:
        import a_library_that_is_missing
    if "bug" in names:
        import nano3.no_such_module
    if "ctrl-c" in names:
        raise KeyboardInterrupt
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


@pytest.mark.parametrize("how", ["full", "wrapped"])
def test_a_full_disk_is_one_sentence_with_the_disk_and_the_remedy(how: str) -> None:
    done = verb("--names", how)
    assert done.returncode == 1
    assert re.fullmatch(
        rf"-c: the disk of {re.escape(str(REPOSITORY))}\S* is full \([\d.]+ \w+ left\): free some of it, then run the "
        r"same again; what is done stays\n",
        done.stderr,
    )


def test_the_disk_is_that_of_the_file_where_one_is_named(tmp_path: Path) -> None:
    error = OSError(errno.EDQUOT, "Disk quota exceeded", str(tmp_path / "no" / "file.bin"))
    assert full_disk(error).startswith(f"the disk of {tmp_path.resolve()} is full (your quota is used up): ")


def test_a_library_that_is_missing_is_told_with_the_environment_and_a_bug_with_its_trace() -> None:
    done = verb("--names", "library")
    assert (done.returncode, done.stderr) == (
        1,
        "-c: the library a_library_that_is_missing is not installed here: activate the environment, "
        ". .venv/bin/activate, or make it with `make install`\n",
    )
    assert "Traceback" in verb("--names", "bug").stderr


def test_a_ctrl_c_ends_without_a_trace() -> None:
    done = verb("--names", "ctrl-c")
    assert (done.returncode, done.stderr) == (-signal.SIGINT, "-c: interrupted\n")


@pytest.mark.parametrize("script", sorted(path.name for path in (REPOSITORY / "scripts").glob("*.py")))
def test_a_script_is_ready_for_a_ctrl_c_before_it_imports_its_libraries(script: str) -> None:
    imports = re.findall(r"^(?:from|import) (\S+)", (REPOSITORY / "scripts" / script).read_text(), re.M)
    assert imports[0] == "nano3.core.cli"
