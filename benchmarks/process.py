"""What a whole process costs: wall seconds, processor seconds, and the memory of it and all its children."""

import os
import re
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
PEAK = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


@dataclass(frozen=True)
class Cost:
    """
    What a process and all that it started took, looked at 20 times a second.

    seconds: wall time. processor_seconds: user and system time, to 0.05 s a process. peak_bytes: the most that each
    process ever held resident, added up, as if all had held it at once; pages that they share count once for each.
    """

    seconds: float
    processor_seconds: float
    peak_bytes: int

    def facts(self) -> dict[str, Any]:
        """As JSON."""
        return asdict(self)


@dataclass
class Watch:
    """A running process and its descendants. processors: user and system seconds of each so far. peaks: in bytes."""

    root: psutil.Process
    peaks: dict[int, int] = field(default_factory=dict)
    processors: dict[int, float] = field(default_factory=dict)

    def look(self) -> None:
        """Take note of memory and time; a process that has just ended keeps what it had."""
        with suppress(psutil.NoSuchProcess):
            for member in [self.root, *self.root.children(recursive=True)]:
                with suppress(psutil.NoSuchProcess, ProcessLookupError, FileNotFoundError):
                    spent = member.cpu_times()
                    self.processors[member.pid] = spent.user + spent.system
                    if found := PEAK.search(Path(f"/proc/{member.pid}/status").read_text()):
                        self.peaks[member.pid] = int(found[1]) * 1024


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
    return Cost(seconds, sum(watch.processors.values()), sum(watch.peaks.values()))


def _warm(path: Path) -> None:
    with path.open("rb") as file:
        while file.read(READ_BYTES):
            pass
