"""What a whole process costs: wall seconds, processor seconds, and the memory of it and all its children."""

import os
import subprocess
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import psutil

SAMPLE_SECONDS = 0.05
READ_BYTES = 2**24


@dataclass(frozen=True)
class Cost:
    """
    seconds: wall time. processor_seconds: user and system time, children included. peak_bytes: most resident memory of
    the process tree, added up 20 times a second; pages that processes share count once for each.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


def measure(command: list[str], cores: int, log: Path, reads: list[Path]) -> Cost:
    """
    Run a command to its end on so many cores, with the files it reads in the page cache.

    Threads of native libraries are told the number of cores; the scheduler enforces it. Ends the program, showing the
    log's end, if the command fails.
    """
    for path in reads:
        _warm(path)
    chosen = sorted(os.sched_getaffinity(0))[:cores]
    environment = os.environ | {name: str(cores) for name in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS")}
    with log.open("wb") as out:
        began = time.perf_counter()
        process = subprocess.Popen(
            command,
            stdout=out,
            stderr=subprocess.STDOUT,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, chosen),  # noqa: PLW1509 (no thread runs here)
        )
        watched, peak = psutil.Process(process.pid), 0
        while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
            peak = max(peak, _resident(watched))
            time.sleep(SAMPLE_SECONDS)
        seconds = time.perf_counter() - began
    _, status, usage = ended
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)[:200]}: failed with status {process.returncode}: {log.read_text()[-2000:]}")
    return Cost(seconds, usage.ru_utime + usage.ru_stime, max(peak, usage.ru_maxrss * 1024))


def _warm(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(READ_BYTES):
            pass


def _resident(process: psutil.Process) -> int:
    """Resident bytes of a process and its descendants; one that has just ended counts nothing."""
    total = 0
    try:
        tree = [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return 0
    for member in tree:
        try:
            total += member.memory_info().rss
        except psutil.NoSuchProcess:
            continue
    return total
