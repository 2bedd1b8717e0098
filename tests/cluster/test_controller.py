"""What the controller asks of Slurm; tests/slurm runs it on one."""

import os
import stat
import subprocess
from pathlib import Path

import pytest

from nano3.cluster.profile import SiteError
from tests.conftest import nano3

PROFILE = "default-resources: {slurm_account: us, slurm_partition: cpu}\n"
SBATCH = """#!/bin/sh
echo "$@" > sbatch.txt
cat > script.txt
echo 12
"""


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a profile and stand-ins for Slurm's commands."""
    answers = {"sbatch": SBATCH, "squeue": "#!/bin/sh\n", "scancel": "#!/bin/sh\n", "sinfo": "#!/bin/sh\necho cpu\n"}
    for name, text in answers.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(stat.S_IRWXU)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/config.yaml").write_text(PROFILE)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    return tmp_path


def submit(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    (folder / "config").mkdir(exist_ok=True)
    return nano3("submit", "--profile", "site", *words, cwd=folder)


def test_it_is_submitted_with_the_sites_account_and_its_own_arguments(slurm: Path) -> None:
    done = submit(slurm, "--time-limit", "2:00:00", "--", "results/x", "--config", "recipe=tiny")
    assert done.returncode == 0, done.stderr
    assert "scancel 12" in done.stdout
    words = (slurm / "sbatch.txt").read_text()
    assert "--time=2:00:00 --account=us --partition=cpu --signal=B:USR1@300 --requeue" in words
    assert words.endswith("/dev/stdin results/x --config recipe=tiny\n")
    assert 'controller.py --profile site -- "$@"' in (slurm / "script.txt").read_text()


def test_a_profile_that_is_not_filled_in_is_refused(slurm: Path) -> None:
    (slurm / "site/config.yaml").write_text(PROFILE.replace("us", "FILL_IN"))
    done = submit(slurm, "--", "results/x")
    assert done.returncode == 1
    assert "default-resources.slurm_account is not filled in" in done.stderr
    assert issubclass(SiteError, Exception)
    assert not (slurm / "sbatch.txt").exists()
