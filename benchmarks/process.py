"""What a whole process costs: wall seconds, processor seconds, and the memory of it and all its children."""

import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

SAMPLE_SECONDS = 0.05
READ_BYTES = 2**24


@dataclass(frozen=True)
class Cost:
    """
    What a process and all that it started took, looked at 20 times a second.

    seconds: wall time. processor_seconds: user and system time, to 0.05 s a process. peak_bytes: most resident memory;
    pages that processes share count once for each.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass
class Watch:
    """A running process and its descendants. processors: user and system seconds of each so far."""

    root: psutil.Process
    peak: int = 0
    processors: dict[int, float] = field(default_factory=dict)

    def look(self) -> None:
        """Take note of memory and time; a process that has just ended keeps what it had."""
        resident = 0
        with suppress(psutil.NoSuchProcess):
            for member in [self.root, *self.root.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess), member.oneshot():
                    resident += member.memory_info().rss
                    spent = member.cpu_times()
                    self.processors[member.pid] = spent.user + spent.system
        self.peak = max(self.peak, resident)


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
        watch = Watch(psutil.Process(process.pid))
        while process.poll() is None:
            watch.look()
            time.sleep(SAMPLE_SECONDS)
        seconds = time.perf_counter() - began
    if process.returncode:
        sys.exit(f"{' '.join(command)[:200]}: failed with status {process.returncode}: {log.read_text()[-2000:]}")
    return Cost(seconds, sum(watch.processors.values()), watch.peak)


def _warm(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(READ_BYTES):
            pass
