"""A Slurm cluster for the tests of this folder, and a house whose profile is filled in for it."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import QUICK, House, copy_repository
from tests.slurm import cluster as loopback

# The plugin asks Slurm after 1, 11, 21... seconds, up to 180: here every second.
SNAKEMAKE = """
import sys
from snakemake.cli import main
from snakemake_executor_plugin_slurm import Executor
Executor.next_seconds_between_status_checks = property(lambda self: 1, lambda self, seconds: None)
main()
"""
FILLED_IN = {
    r"  slurm_account: FILL_IN.*\n": "",  # the loopback cluster has none
    r"slurm_partition: FILL_IN +# CPU nodes": "slurm_partition: cpu",
    r"slurm_partition: FILL_IN +# GPU nodes": "slurm_partition: gpu",
    r"mem_mb: \d+": "mem_mb: 4000",
    r"cpus_per_task: \d+": "cpus_per_task: 1",
    r'container: "pyxis:[^"]+"': 'container: ""',
    r"    mounts: .*": '    mounts: ""\n    gres: "gpu:2"  # pretended\n    tasks: 0',
    r"  build_index_cache: .*": "  build_index_cache: {mem_mb: 4000, cpus_per_task: 2}",
    r"slurm-init-seconds-before-status-checks: \d+": (
        "slurm-init-seconds-before-status-checks: 1\nslurm-status-command: squeue"
    ),
    r"    grace: \d+": "    grace: 10",
    r"latency-wait: \d+": "latency-wait: 5",
}
FOUR_RANKS = "layout.nodes=2 layout.processes_per_node=2 layout.threads=1"
STARTED: list["subprocess.Popen[str]"] = []  # by start_snakemake
SECRET = "hf_aSecretThatNobodyMayWriteDown"


@dataclass(frozen=True)
class Site(House):
    """A house on the cluster."""

    def try_snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-c", SNAKEMAKE, "--profile", "profiles/slurm", *arguments, HF_TOKEN=SECRET)

    def edit_profile(self, old: str, new: str) -> None:
        """Options would not do: --set-resources takes the place of all that the profile says of resources."""
        self.edit("profiles/slurm/config.yaml", old, new)

    def start_snakemake(self, *arguments: str) -> "subprocess.Popen[str]":
        """Snakemake in the background; what it prints is in its output."""
        environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", **self.installed}
        command = [sys.executable, "-c", SNAKEMAKE, "--profile", "profiles/slurm", *arguments]
        STARTED.append(
            subprocess.Popen(
                command, cwd=self.root, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
            )
        )
        return STARTED[-1]


def slurm(*command: str) -> str:
    """What a Slurm command prints."""
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout


def job_fields(job: str) -> dict[str, str]:
    words = slurm("scontrol", "show", "job", "-o", job).split()
    return dict(word.split("=", 1) for word in words if "=" in word)


def waited_for(what: Callable[[], Any], seconds: float = 60) -> Any:
    """What a question's answer is as soon as there is one."""
    until = time.monotonic() + seconds
    while not (answer := what()):
        assert time.monotonic() < until, f"nothing after {seconds} s"
        time.sleep(0.1)
    return answer


def _hurry(stop: threading.Event) -> None:
    """
    Slurm lets a job that was queued again wait for two minutes, by when nothing of its earlier turn is left. Here it
    may start as soon as its nodes say so, but not in the second in which its old credential was revoked.
    """
    seen: set[str] = set()
    while not stop.wait(2):
        if "completing" in slurm("sinfo", "--noheader", "--format=%T"):
            continue
        waiting = slurm("squeue", "--noheader", "--states=PENDING", "--format=%A %r").splitlines()
        held = {job for job, reason in (line.split(maxsplit=1) for line in waiting) if reason == "BeginTime"}
        for job in held & seen:
            now = ["scontrol", "update", f"JobId={job}", "StartTime=now"]
            subprocess.run(now, check=False, capture_output=True)
        seen = held


@pytest.fixture(scope="session")
def cluster() -> Iterator[None]:
    loopback.up()
    stop = threading.Event()
    hurrying = threading.Thread(target=_hurry, args=(stop,))
    hurrying.start()
    try:
        yield
    finally:
        stop.set()
        hurrying.join()
        loopback.down()


def copy_site(target: Path) -> Site:
    """The repository with a profile that is filled in for the cluster."""
    site = Site(copy_repository(target).root)
    profile = site.root / "profiles/slurm/config.yaml"
    text = profile.read_text(encoding="utf-8")
    for pattern, filled in FILLED_IN.items():
        text, found = re.subn(pattern, filled, text)
        assert found, pattern
    profile.write_text(text, encoding="utf-8")
    return site


@pytest.fixture(scope="session")
def built(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """Recipe tiny, shortened, from raw shards to the report: every job on the cluster, each segment on four ranks."""
    site = copy_site(tmp_path_factory.mktemp("slurm") / "site")
    site.snakemake("--config", f"{QUICK} {FOUR_RANKS}")
    return site
