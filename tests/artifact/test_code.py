"""What is the same code, under every Python that is here, and what is not."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nano3.artifact.code import RECORDS, SCRIPTS, STEPS, closure, digest_code

PIPELINE = "nano3/tokens/pipeline.py"
MINORS = (11, 12, 13, 14, 15)
# Syntax that parsers have read into other trees, or that newer trees have other fields for.
ODD_MODULE = r'''
"""What a docstring says."""
import nano3.core.tsv as table
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from nano3.core import cli
def f(a, /, b: int = 1, *c, d=-2.5e300, **e) -> "str":
    """And another."""
    with (open(a) as x, open("b") as y):
        print(f"{a!r:>{b}} and {c[0]['x']}" "joined" f"{b=}" rf"\n{d:.2f}", u"é", b"\xff", 1e999, 2j, ..., 10**20)
    match a:
        case {"x": None, **rest} | [1, *_] if (z := 3):
            return 123456789012345678901234567890
        case False:
            pass
    try:
        lambda *q: (yield)
    except* (OSError, ValueError) as error:
        raise RuntimeError(f"it was {error}") from None
class C(object):
    x: int = 3
    y: str
'''


@pytest.fixture
def scripts(tmp_path: Path) -> Path:
    copy = tmp_path / "scripts"
    shutil.copytree(SCRIPTS, copy, ignore=shutil.ignore_patterns("__pycache__"))
    return copy


def edit(scripts: Path, file: str, old: str, new: str) -> None:
    path = scripts / file
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def digest(step: str, scripts: Path) -> str:
    digest_code.cache_clear()
    return digest_code(step, scripts)


def digests(scripts: Path) -> dict[str, str]:
    return {step: digest(step, scripts) for step in STEPS}


def test_comments_docstrings_and_layout_are_no_change(scripts: Path) -> None:
    before = digest("tokenize_shard", scripts)
    edit(scripts, PIPELINE, "TRAIN, VALID, TEST = 0, 1, 2", "# a thought\nTRAIN,  VALID, TEST = (0,\n 1, 2)")
    edit(scripts, "nano3/formats/readers.py", "Which reader reads", "Which of the readers reads")
    assert digest("tokenize_shard", scripts) == before


def test_meaning_is_a_change_however_far_away(scripts: Path) -> None:
    before = digest("tokenize_shard", scripts)
    edit(scripts, "nano3/tokens/indexed_dataset.py", "VERSION = 1", "VERSION = 2")
    assert digest("tokenize_shard", scripts) != before


def test_code_that_a_step_does_not_import_is_no_change(scripts: Path) -> None:
    before = digests(scripts)
    edit(scripts, "nano3/sampling/blend.py", "if shard.tokens > 0", "if shard.tokens > 1")
    after = digests(scripts)
    assert {step for step in STEPS if before[step] != after[step]} == {"write_blend"}


def test_an_errors_wording_is_no_change_and_its_condition_is(scripts: Path) -> None:
    before = digest("tokenize_shard", scripts)
    edit(scripts, "nano3/formats/readers.py", "pin the dataset again", "so pin the {rows} of the dataset again")
    edit(scripts, "nano3/formats/source.py", "fix or replace the file", "fix the file")
    edit(scripts, "nano3/tokens/encoder.py", "run snakemake again", "start again")
    assert digest("tokenize_shard", scripts) == before
    edit(scripts, "nano3/formats/readers.py", "if left == 0:", "if left == 1:")
    assert digest("tokenize_shard", scripts) != before


def test_another_kind_of_error_is_a_change(scripts: Path) -> None:
    before = digest("tokenize_shard", scripts)
    edit(scripts, "nano3/formats/readers.py", 'raise TextError(f"{path}: has', 'raise ValueError(f"{path}: has')
    assert digest("tokenize_shard", scripts) != before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("nano3/artifact/receipt.py", '"SLURM_CONTAINER")', '"SLURM_CONTAINER", "ANOTHER_CONTAINER")'),
        (
            "nano3/artifact/steps.py",
            "class ReportFacts(",
            "class More(ReportKey):\n    x: int\n\n\nclass ReportFacts(",
        ),
        ("nano3/core/cli.py", "return Path(sys.argv[0]).stem", "return Path(sys.argv[0]).name"),
        ("tokenize_shard.py", "run(tokenize_shard)", "print(run(tokenize_shard))"),
    ],
)
def test_how_a_step_is_called_and_recorded_changes_no_key(scripts: Path, file: str, old: str, new: str) -> None:
    before = digests(scripts)
    edit(scripts, file, old, new)
    assert digests(scripts) == before


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("nano3/tokens/tokenize_shard.py", "CHARACTERS = 1_000_000", "CHARACTERS = 2_000_000"),
        ("nano3/tokens/tokenize_shard.py", "checked_documents: int = 4", "checked_documents: int = 9"),
        ("nano3/tokens/tokenize_shard.py", "self.truncated += truncated", "self.truncated += 2 * truncated"),
        ("nano3/tokens/reference_tokenizer.py", "SHOWN_CHARACTERS = 40", "SHOWN_CHARACTERS = 80"),
        ("nano3/corpus/bundles.py", "ALONE = 32", "ALONE = 33"),
        ("nano3/config/load.py", "import", "import time\nimport"),
    ],
)
def test_checks_counts_and_configuration_make_no_shard_stale(scripts: Path, file: str, old: str, new: str) -> None:
    before = digest("tokenize_shard", scripts)
    edit(scripts, file, old, new)
    assert digest("tokenize_shard", scripts) == before


def test_the_tokens_key_covers_the_pipeline_and_its_imports() -> None:
    assert set(closure("tokenize_shard")) == {
        "nano3/__init__.py",
        "nano3/artifact/__init__.py",
        "nano3/artifact/digest.py",
        "nano3/artifact/files.py",
        "nano3/core/__init__.py",
        "nano3/core/arrow.py",
        "nano3/formats/__init__.py",
        "nano3/formats/arrow_ipc.py",
        "nano3/formats/columns.py",
        "nano3/formats/contents.py",
        "nano3/formats/json_rows.py",
        "nano3/formats/json_scan.py",
        "nano3/formats/lines.py",
        "nano3/formats/parquet.py",
        "nano3/formats/readers.py",
        "nano3/formats/source.py",
        "nano3/raw/__init__.py",
        "nano3/raw/tokenizer_json.py",
        "nano3/tokens/__init__.py",
        "nano3/tokens/chunking.py",
        "nano3/tokens/encoder.py",
        "nano3/tokens/engines.py",
        "nano3/tokens/fast_layouts.py",
        "nano3/tokens/indexed_dataset.py",
        "nano3/tokens/pipeline.py",
    }
    assert all((SCRIPTS / module).is_file() for module in RECORDS)


@pytest.mark.parametrize(
    "line",
    [
        "import nano3.core.tsv as table",
        "from nano3.core import tsv",
        "from nano3.core.tsv import read_table",
        "from ..core import tsv",
        "from ..core.tsv import read_table",
        "def f():\n    import nano3.core.tsv",
    ],
)
def test_every_kind_of_import_is_followed(scripts: Path, line: str) -> None:
    path = scripts / PIPELINE
    path.write_text(f"{line}\n")
    assert "nano3/core/tsv.py" in closure("tokenize_shard", scripts)


def test_an_import_for_types_alone_is_none(scripts: Path) -> None:
    before = digest("tokenize_shard", scripts)
    only = "if TYPE_CHECKING:\n    from nano3.core.tsv import read_table\n"
    edit(scripts, PIPELINE, "TRAIN, VALID", f"{only}TRAIN, VALID")
    with_types = digest("tokenize_shard", scripts)
    edit(scripts, PIPELINE, only, only.replace("tsv import read_table", "retry import causes"))
    assert digest("tokenize_shard", scripts) == with_types != before
    assert "nano3/core/tsv.py" not in closure("tokenize_shard", scripts)


def other_python(minor: int) -> str | None:
    """A Python of this version that starts: on the path, or pyenv's."""
    versions = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    places = [shutil.which(f"python3.{minor}"), *sorted(versions.glob(f"3.{minor}.*/bin/python"))]
    for place in filter(None, places):
        question = [str(place), "-c", "import sys; print(*sys.version_info[:2], sep='.')"]
        answer = subprocess.run(question, capture_output=True, text=True, check=False)
        if answer.stdout.strip() == f"3.{minor}":
            return str(place)
    return None


def digests_of(python: str, scripts: Path, cwd: Path, **environment: str) -> dict[str, str]:
    """Of every step, by another process."""
    code = (
        f"import json, sys; from pathlib import Path; sys.path.insert(0, {str(SCRIPTS)!r})\n"
        "from nano3.artifact.code import STEPS, digest_code\n"
        f"print(json.dumps({{step: digest_code(step, Path({str(scripts)!r})) for step in STEPS}}))"
    )
    command = [python, "-I", "-c", code] if not environment else [python, "-c", code]
    done = subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=True, env=dict(os.environ) | environment
    )
    answer: dict[str, str] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("minor", MINORS)
def test_every_python_has_the_same_digests(scripts: Path, tmp_path: Path, minor: int) -> None:
    python = other_python(minor)
    if python is None:
        pytest.skip(f"no Python 3.{minor} here")
    (scripts / "nano3/formats/readers.py").write_text(ODD_MODULE)
    assert digests_of(python, scripts, tmp_path) == digests(scripts)
    assert digests_of(python, SCRIPTS, tmp_path) == digests(SCRIPTS)


@pytest.mark.parametrize(
    "environment",
    [{"LC_ALL": "C", "PYTHONUTF8": "0"}, {"LC_ALL": "C.UTF-8"}, {"PYTHONHASHSEED": "7"}, {"HOME": "/", "USER": "who"}],
)
def test_no_circumstance_changes_a_digest(tmp_path: Path, environment: dict[str, str]) -> None:
    assert digests_of(sys.executable, SCRIPTS, tmp_path, **environment) == digests(SCRIPTS)
