"""The handler that Snakemake makes of our logger: found by its name, light to import, and no danger to a run."""

import logging
import subprocess
import sys
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from snakemake_interface_logger_plugins.registry import LoggerPluginRegistry

from snakemake_logger_plugin_nano3 import LogHandler
from tests.conftest import REPOSITORY
from tests.logger.events import error

SETTINGS: Any = SimpleNamespace(
    quiet=None, dryrun=False, verbose=False, debug_dag=False, printshellcmds=False, nocolor=True, stdout=False,
    show_failed_logs=True,
)  # fmt: skip


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> Iterator[LogHandler]:
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    made = LogHandler(SETTINGS, None)
    yield made
    made.close()


def test_snakemake_finds_it_by_name_and_lets_it_write_alone(handler: LogHandler) -> None:
    assert "nano3" in LoggerPluginRegistry().plugins
    assert handler.writes_to_stream
    assert handler.has_filter, "records are not filtered before they get here"
    assert not handler.writes_to_file


def test_until_the_snakefile_is_read_it_imports_none_of_the_workflow() -> None:
    """A Snakefile puts its own scripts/ first: where another checkout is installed, that one must not have won yet."""
    code = (
        "import sys, logging, types\n"
        "from snakemake_logger_plugin_nano3 import LogHandler\n"
        "assert 'rich' not in sys.modules and 'snakemake_logger_plugin_nano3.screen' not in sys.modules\n"
        f"handler = LogHandler(types.SimpleNamespace(**{vars(SETTINGS)!r}), None)\n"
        "handler.emit(logging.LogRecord('x', logging.ERROR, '', 1, 'no such option', None, None))\n"
        "print([name for name in sys.modules if name == 'nano3' or name.startswith('nano3.')])\n"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(
        words, env={"PYTHONPATH": str(REPOSITORY / "scripts")}, capture_output=True, text=True, check=True
    )
    assert (done.stdout, done.stderr) == ("[]\n", "no such option\n")


def test_an_error_in_what_is_shown_does_not_end_the_run(
    handler: LogHandler, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = error("x", "WorkflowError")
    broken.msg, broken.args = "%d", ("no number",)
    handler.emit(broken)
    assert "--- Logging error ---" in capsys.readouterr().err


def test_a_ctrl_c_before_any_job_is_one_sentence(handler: LogHandler, capsys: pytest.CaptureFixture[str]) -> None:
    sys.excepthook(KeyboardInterrupt, KeyboardInterrupt(), None)
    assert capsys.readouterr().err == "snakemake: interrupted before any job ran; nothing has changed\n"
    sys.excepthook(ValueError, ValueError("a bug"), None)
    assert "ValueError: a bug" in capsys.readouterr().err
    assert logging.raiseExceptions
