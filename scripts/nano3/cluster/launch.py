"""
How does a command become ranks? As many as the layout says, here or on the nodes of a Slurm job, each inside the
container if there is one.

    one rank, no Slurm        the command itself
    ranks on this machine     a process each
    in a Slurm job            one srun task a rank, so that what Slurm ends or counts is the ranks

Each rank finds RANK, LOCAL_RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT in its environment, as under torchrun. The
environment reaches ranks as it is, containers included; none of it is put on a command line. When one rank fails the
others are ended, and the status is that of the first to fail. If a rank ended because its time limit was near, the job
is requeued.
"""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import datetime

from nano3 import Nano3Error
from nano3.cluster.preemption import OUT_OF_TIME, RESTARTS, STOP_AT

END_SECONDS = 30.0  # for the ranks that are left when one has failed
REQUEUE_SECONDS = 120.0  # Slurm ends this process well before
# A task's place, from Slurm's names to torchrun's. A shell can do it in every container.
PLACED = 'RANK=$SLURM_PROCID LOCAL_RANK=$SLURM_LOCALID exec "$@"'


class LaunchError(Nano3Error):
    """The ranks can't be started like this."""


@dataclass(frozen=True)
class Container:
    """An image to run in. runtime: pyxis (a plugin of srun) or apptainer. mounts: here:there, separated by commas."""

    runtime: str
    image: str
    mounts: str

    @classmethod
    def parse(cls, text: str, mounts: str) -> "Container | None":
        """`pyxis:IMAGE`, `apptainer:IMAGE` or nothing. The working directory is always mounted."""
        if not text:
            return None
        runtime, _, image = text.partition(":")
        if runtime not in ("pyxis", "apptainer") or not image:
            raise LaunchError(f"container: {text!r} is neither pyxis:IMAGE nor apptainer:IMAGE")
        here = os.getcwd()
        return cls(runtime, image, ",".join(filter(None, (f"{here}:{here}", mounts))))

    def srun_options(self) -> list[str]:
        """What srun needs to start tasks in it."""
        if self.runtime != "pyxis":
            return []
        return [
            f"--container-image={self.image}",
            f"--container-mounts={self.mounts}",
            f"--container-workdir={os.getcwd()}",
            "--no-container-mount-home",
        ]

    def around(self, command: list[str]) -> list[str]:
        """A command that runs another inside, where srun does not do it."""
        if self.runtime == "pyxis":
            return command
        binds = [word for mount in self.mounts.split(",") for word in ("--bind", mount)]
        return ["apptainer", "exec", "--nv", "--no-home", *binds, "--pwd", os.getcwd(), self.image, *command]


@dataclass(frozen=True)
class Command:
    """A command to launch."""

    words: list[str]

    def launch(
        self, nodes: int, processes_per_node: int, threads: int, container: str, mounts: str, grace: int
    ) -> None:
        """
        Run the command on nodes x processes_per_node ranks and exit with its status.

        threads: CPUs of each rank. container: pyxis:IMAGE, apptainer:IMAGE or nothing. mounts: what it sees besides
        the working directory, here:there, separated by commas. grace: seconds before Slurm's time limit at which the
        ranks are asked to save and end.
        """
        box = Container.parse(container, mounts)
        job = os.environ.get("SLURM_JOB_ID")
        ranks = nodes * processes_per_node
        environment = os.environ | {
            "WORLD_SIZE": str(ranks),
            "MASTER_ADDR": socket.gethostname(),
            "MASTER_PORT": str(_free_port()),
        }
        if job:
            end, restarts = _limits(job)
            environment |= {RESTARTS: str(restarts)} | ({STOP_AT: str(end - grace)} if end else {})
            layout = [f"--nodes={nodes}", f"--ntasks={ranks}", f"--ntasks-per-node={processes_per_node}"]
            options = ["--overlap", "--kill-on-bad-exit=1", f"--cpus-per-task={threads}", *(["--label"] * (ranks > 1))]
            placed = ["sh", "-c", PLACED, "rank", *(box.around(self.words) if box else self.words)]
            status = _ended([(["srun", *layout, *options, *(box.srun_options() if box else []), *placed], environment)])
            if status == OUT_OF_TIME:
                _requeue(job)
            sys.exit(status)
        if box and box.runtime == "pyxis":
            raise LaunchError(f"container: {container}: pyxis belongs to Slurm's srun: use --profile profiles/slurm")
        if nodes > 1:
            raise LaunchError(f"layout.nodes is {nodes}: several machines need Slurm: use --profile profiles/slurm")
        words = box.around(self.words) if box else self.words
        environment["MASTER_ADDR"] = "127.0.0.1"
        places = [environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)} for rank in range(ranks)]
        if ranks == 1:
            os.execvpe(words[0], words, places[0])
        sys.exit(_ended([(words, place) for place in places]))


def _ended(commands: list[tuple[list[str], dict[str, str]]]) -> int:
    """
    Start commands, wait for all, and return the status of the first that failed, or 0.

    Each has a process group of its own, so a SIGINT or SIGTERM to this process (Ctrl-C, Snakemake) reaches it once,
    forwarded. srun gets none, because it would abort its tasks; Slurm has signalled those already.
    """
    forwards = commands[0][0][0] != "srun"
    received: list[int] = []  # not forwarded yet: a signal may come before all have started
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda number, _frame: received.append(number))
    processes = [subprocess.Popen(words, env=environment, start_new_session=True) for words, environment in commands]
    failed, until = 0, float("inf")
    while None in (statuses := [process.poll() for process in processes]):
        while received:
            number = received.pop(0)
            if forwards:
                _signal(processes, number)
        if not failed and (ill := [status for status in statuses if status]):
            failed, until = ill[0], time.monotonic() + END_SECONDS
            _signal(processes, signal.SIGTERM)
        if time.monotonic() > until:
            _signal(processes, signal.SIGKILL)
        time.sleep(0.05)
    failed = failed or next(filter(None, statuses), 0)
    return failed if failed >= 0 else 128 - failed


def _signal(processes: list[subprocess.Popen[bytes]], number: int) -> None:
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, number)


def _limits(job: str) -> tuple[float | None, int]:
    """When Slurm will end a job, in seconds since 1970 (None: never), and how often it was requeued."""
    done = subprocess.run(["scontrol", "show", "job", "-o", job], capture_output=True, text=True, check=False)
    if done.returncode:
        raise LaunchError(f"scontrol show job {job}: {done.stderr.strip()}")
    fields = dict(word.split("=", 1) for word in shlex.split(done.stdout) if "=" in word)
    end = fields.get("EndTime", "Unknown")
    unlimited = fields.get("TimeLimit") == "UNLIMITED" or end == "Unknown"
    return None if unlimited else datetime.fromisoformat(end).timestamp(), int(fields.get("Restarts", 0))


def _requeue(job: str) -> None:
    """Requeue the job, which ends this process. If Slurm refuses, the exit status says why the ranks ended."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    done = subprocess.run(["scontrol", "requeue", job], capture_output=True, text=True, check=False)
    if done.returncode:
        print(f"scontrol requeue {job}: {done.stderr.strip()}: Snakemake's retries must do", file=sys.stderr)
        return
    print(f"job {job} is queued again", file=sys.stderr, flush=True)
    time.sleep(REQUEUE_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("", 0))
        return int(probe.getsockname()[1])
