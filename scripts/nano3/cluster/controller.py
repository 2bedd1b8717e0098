"""
How does a run outlive the session that started it? Snakemake itself is a small Slurm job: the controller.

When it ends, its jobs must end, too. On SIGTERM (scancel) it sends Snakemake a SIGINT, which makes Snakemake cancel
them; on a SIGTERM Snakemake would wait for them. Near its own time limit it does the same and is requeued. When it
restarts, after that or after its node was lost, it first cancels its remaining jobs, which it knows by their names, and
unlocks the working directory. All artifacts stay, and training resumes from its last checkpoint.
"""

import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from nano3 import Nano3Error
from nano3.cluster.profile import check_site

PROFILE = Path("profiles/slurm")
LOGS = Path("results/logs/slurm")
WARNING_SECONDS = 300  # before the time limit: for cancelling jobs that save what they have
GONE_SECONDS = 120.0
MEMORY_MB = 4000
SITE = {"account": "slurm_account", "partition": "slurm_partition"}


class ControllerError(Nano3Error):
    """Snakemake can't be submitted, or not be resumed."""


@dataclass(frozen=True)
class Controller:
    """Snakemake with its arguments."""

    arguments: list[str]

    def submit(self, profile: Path = PROFILE, time_limit: str = "1-00:00:00") -> None:
        """
        Submit Snakemake and say how to follow, cancel and resume it.

        profile: names account and partition. time_limit: of Snakemake's own job, as sbatch takes it;
        at its end the job is requeued.
        Raises ControllerError if Slurm refuses; SiteError if the profile is not filled in.
        """
        settings = yaml.safe_load((profile / "config.yaml").read_text(encoding="utf-8"))
        defaults, of_rules = settings.get("default-resources", {}), settings.get("set-resources", {})
        check_site(defaults, of_rules)
        LOGS.mkdir(parents=True, exist_ok=True)
        site = [f"--{option}={defaults[key]}" for option, key in SITE.items() if key in defaults]
        options = [
            "--parsable",
            "--job-name=nano3-controller",
            "--ntasks=1",
            f"--mem={MEMORY_MB}",
            f"--time={time_limit}",
        ]
        manners = [
            f"--signal=B:USR1@{WARNING_SECONDS}",
            "--requeue",
            "--open-mode=append",
            f"--output={LOGS}/controller-%j.log",
        ]
        script = f'#!/bin/sh\nexec {sys.executable} scripts/controller.py --profile {profile} -- "$@"\n'
        command = ["sbatch", *options, *site, *manners, "/dev/stdin", *self.arguments]
        done = subprocess.run(command, input=script, capture_output=True, text=True, check=False)
        if done.returncode:
            raise ControllerError(f"sbatch: {done.stderr.strip()}")
        job = done.stdout.strip().split(";")[0]
        print(f"job {job} runs: snakemake --profile {profile} {' '.join(self.arguments)}")
        print(f"follow  tail -F {LOGS}/controller-{job}.log")
        print(f"cancel  scancel {job}    (its jobs are cancelled too; what they saved stays)")
        print("resume  the same command again")

    def run(self, profile: Path) -> None:
        """Run Snakemake inside the job that submit made, and exit with its status."""
        job = os.environ["SLURM_JOB_ID"]
        prefix = f"nano3-{job}"
        snakemake = [sys.executable, "-m", "snakemake", "--profile", str(profile)]
        if int(os.environ.get("SLURM_RESTART_COUNT", "0")):
            _cancel_leftovers(f"{prefix}_")
            subprocess.run([*snakemake, "--unlock", *self.arguments], check=True)
        ended_by = 0
        process = subprocess.Popen(
            [*snakemake, "--slurm-jobname-prefix", prefix, *self.arguments], start_new_session=True
        )

        def end(number: int, _frame: Any) -> None:
            nonlocal ended_by
            ended_by = ended_by or number
            process.send_signal(signal.SIGINT)

        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, end)
        status = process.wait()
        if ended_by == signal.SIGUSR1:
            subprocess.run(["scontrol", "requeue", job], check=True)
            time.sleep(GONE_SECONDS)  # Slurm ends this process
        sys.exit(status if status >= 0 else 128 - status)


def _cancel_leftovers(prefix: str) -> None:
    """Cancel this user's jobs whose name begins like this, and wait until they are gone."""
    until = time.monotonic() + GONE_SECONDS
    while jobs := _jobs_called(prefix):
        if time.monotonic() > until:
            raise ControllerError(f"jobs {' '.join(jobs)} do not end: scancel them, then submit again")
        subprocess.run(["scancel", *jobs], check=False)
        time.sleep(2)


def _jobs_called(prefix: str) -> list[str]:
    done = subprocess.run(
        ["squeue", "--me", "--noheader", "--format=%A %j"], capture_output=True, text=True, check=True
    )
    return [
        job for job, name in (line.split(maxsplit=1) for line in done.stdout.splitlines()) if name.startswith(prefix)
    ]
