import os
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from nano3.cluster.launch import Command, Container, LaunchError
from tests.conftest import REPOSITORY

PLACE = (
    "import os, sys; sys.stdout.write(' '.join(os.environ[k] for k in ('RANK', 'LOCAL_RANK', 'WORLD_SIZE')) + '\\n')"
)
ONE_FAILS = """
import os, sys, time
if os.environ["RANK"] == "1":
    sys.exit(7)
time.sleep(60)
"""
SAVES_WHEN_TOLD = """
import pathlib, signal, sys, time
def save(*_):
    pathlib.Path(sys.argv[1]).write_text("saved")
    sys.exit(143)
signal.signal(signal.SIGTERM, save)
pathlib.Path(sys.argv[2]).touch()
time.sleep(60)
"""
# Slurm's commands as far as the launcher uses them: srun starts one task, where it is.
SRUN = """#!/bin/sh
echo "$@" > srun.txt
while [ "$1" != sh ]; do shift; done
SLURM_PROCID=0 SLURM_LOCALID=0 exec "$@"
"""
SCONTROL = """#!/bin/sh
echo "$@" >> scontrol.txt
[ "$1" = requeue ] && kill -TERM $PPID
echo "JobId=12 JobName=it Restarts=2 TimeLimit=01:00:00 EndTime=2026-11-24T12:00:00 Partition=gpu"
"""
APPTAINER = """#!/bin/sh
echo "$@" > apptainer.txt
while [ "$1" != python ]; do shift; done
exec "$@"
"""


def launch(*command: str, ranks: int = 1, nodes: int = 1, container: str = "", **environment: str) -> list[str]:
    options = f"--nodes={nodes} --processes-per-node={ranks} --threads=1 --mounts=/data:/data --grace=60".split()
    return [sys.executable, str(REPOSITORY / "scripts/launch.py"), *options, f"--container={container}", "--", *command]


def launched(command: list[str], cwd: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=cwd, env=os.environ | environment, capture_output=True, text=True, check=False, timeout=50
    )


@pytest.fixture
def slurm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with stand-ins for srun, scontrol and apptainer, inside a job."""
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("apptainer", APPTAINER)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    return tmp_path


def test_each_rank_knows_its_place(tmp_path: Path) -> None:
    done = launched(launch("python", "-c", PLACE, ranks=3), tmp_path)
    assert sorted(done.stdout.splitlines()) == ["0 0 3", "1 1 3", "2 2 3"]


def test_when_a_rank_fails_all_end_with_its_status(tmp_path: Path) -> None:
    began = time.monotonic()
    assert launched(launch("python", "-c", ONE_FAILS, ranks=2), tmp_path).returncode == 7
    assert time.monotonic() - began < 30


def test_a_signal_reaches_the_ranks_and_their_status_comes_back(tmp_path: Path) -> None:
    process = subprocess.Popen(launch("python", "-c", SAVES_WHEN_TOLD, "saved", "up", ranks=2), cwd=tmp_path)
    while not (tmp_path / "up").exists():
        time.sleep(0.05)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 143
    assert (tmp_path / "saved").read_text() == "saved"


def test_in_a_job_srun_starts_the_ranks_and_nothing_of_the_environment_is_on_its_command_line(slurm: Path) -> None:
    command = launch("python", "-c", "import os; print(os.environ['HF_TOKEN'], os.environ['NANO3_RESTARTS'])")
    done = launched(command, slurm, HF_TOKEN="hf_secret")
    assert done.stdout.split() == ["hf_secret", "2"]
    words = (slurm / "srun.txt").read_text()
    assert "--nodes=1 --ntasks=1 --ntasks-per-node=1 --overlap --kill-on-bad-exit=1 --cpus-per-task=1" in words
    assert "hf_secret" not in words


def test_a_rank_that_ran_out_of_time_makes_slurm_queue_the_job_again(slurm: Path) -> None:
    stop_at = "import os, sys; print(os.environ['NANO3_STOP_AT']); sys.exit(75)"
    done = launched(launch("python", "-c", stop_at), slurm, TZ="UTC")
    assert float(done.stdout) == 1795521600 - 60  # a minute before 2026-11-24 12:00
    assert (slurm / "scontrol.txt").read_text().splitlines()[-1] == "requeue 12"


def test_another_failure_is_not_queued_again(slurm: Path) -> None:
    assert launched(launch("python", "-c", "raise SystemExit(143)"), slurm).returncode == 143
    assert "requeue" not in (slurm / "scontrol.txt").read_text()


def test_apptainer_runs_the_command_in_the_image_with_its_mounts(slurm: Path) -> None:
    command = launch("python", "-c", PLACE, container="apptainer:/images/nemo.sif")
    assert launched(command, slurm).stdout == "0 0 1\n"
    words = (slurm / "apptainer.txt").read_text()
    expected = f"exec --nv --no-home --bind {slurm}:{slurm} --bind /data:/data --pwd {slurm} /images/nemo.sif python"
    assert words.startswith(expected)


def test_pyxis_is_told_to_srun(slurm: Path) -> None:
    launched(launch("python", "-c", PLACE, container="pyxis:nvcr.io#nvidia/nemo:25.11"), slurm)
    words = (slurm / "srun.txt").read_text()
    assert "--container-image=nvcr.io#nvidia/nemo:25.11" in words
    assert f"--container-mounts={slurm}:{slurm},/data:/data --container-workdir={slurm}" in words


@pytest.mark.parametrize(
    ("nodes", "container", "said"),
    [(2, "", "several machines need Slurm"), (1, "pyxis:image", "pyxis belongs to Slurm"), (1, "docker:x", "neither")],
)
def test_what_needs_slurm_or_is_unknown_is_refused(nodes: int, container: str, said: str) -> None:
    with pytest.raises(LaunchError, match=said):
        Command(["true"]).launch(nodes, 1, 1, container, "", 0)


def test_no_container_is_none() -> None:
    assert Container.parse("", "/data:/data") is None
