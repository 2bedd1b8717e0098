"""
How long does it take to plan a graph of 100,000 shards, and how much memory?

Finished tokens of synthetic shards are made in build/plan (see synthetic.py), then Snakemake, and make and ninja on the
same graph, say what would run: each a whole process, in turn, the best of REPEATS with a warm cache. A run that plans
anything else than it should ends the benchmark. Status 1 if a goal is missed. See docs/benchmarks/plan.md.

    python benchmarks/planning.py [--page] [shards ...]

--page: no new runs, only docs/benchmarks/plan.md and its plot of the last ones.
"""

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

# Nothing large is imported here: a process's peak counts what the one that started it held.

FOLDER = Path("build/plan")
RESULTS = FOLDER / "results.json"
SIZES = (1_000, 10_000, 100_000)
REPEATS = 2
SLOW = 60  # seconds; what takes longer is run once
MOST_WHOLE = 10_000  # shards of a graph that is planned without pruning
SNAKEMAKE = (sys.executable, "-m", "snakemake")
PREPARE = (*SNAKEMAKE, "--dry-run", "--until", "write_blend")
WHOLE = ("--config", "prune=false")
MAKE, NINJA = ("make", "-n", "-f", "plan.mk"), ("ninja", "-n", "-f", "plan.ninja")
STAT = (sys.executable, "-S", "-c", "import os\nfor path in open('pairs.txt').read().split():\n    os.stat(path)")
DATASET = "crawl"
INDEX = ("index.json", "shards.tsv", "valid.bin", "valid.idx", "test.bin", "test.idx")


@dataclass(frozen=True)
class Result:
    """
    What a process took. seconds: of the wall clock; cpu: of all its threads. peak: resident memory in MB. load: how
    many processes wanted a core in the minute before.
    """

    shards: int
    case: str
    tool: str
    seconds: float
    cpu: float
    peak: float
    load: float


@dataclass(frozen=True)
class House:
    """The folder of a synthetic catalogue, and in it the shard that changes."""

    root: Path
    shards: int

    @property
    def pins(self) -> Path:
        """The catalogue's largest dataset."""
        return self.root / f"config/datasets/{DATASET}.tsv"

    @property
    def shard(self) -> tuple[str, str]:
        """The last shard of that dataset: its name and raw file."""
        name, raw, *_ = tail(self.pins).splitlines()[-1].split("\t")
        return name, raw

    @property
    def tokens(self) -> str:
        """The folder of that dataset's tokens, relative to the house."""
        [folder] = self.root.glob("results/tokens/*/")
        return f"{folder.relative_to(self.root)}/{DATASET}"

    @property
    def target(self) -> str:
        """The pair of that shard, relative to the house."""
        return f"{self.tokens}/train/{self.shard[0]}.bin"

    def index(self) -> tuple[str, ...]:
        """The command that rule index_dataset runs for that dataset."""
        key = json.loads((self.root / self.tokens / "index.json").read_text(encoding="utf-8"))["key"]
        given = {"folder": self.tokens, "pins": self.pins.relative_to(self.root), "key": json.dumps(key)}
        given |= {name: f"{self.tokens}/{name}" for name in ("valid", "test")} | {"index": f"{self.tokens}/index.json"}
        words = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        return (sys.executable, "scripts/index_dataset.py", *words)

    def job(self) -> tuple[str, ...]:
        """The command of a job's own process, as an executor for clusters writes it, without doing the work."""
        rule = f"tokenize_shard:dataset={DATASET},shard={self.shard[0]}"
        given = "--cores 1 --attempt 1 --force-use-threads --force --target-files-omit-workdir-adjustment"
        given += " --max-inventory-time 0 --retries 0 --nocolor --no-hooks --nolock --ignore-incomplete"
        given += " --rerun-triggers mtime params --allowed-rules tokenize_shard --mode remote --dry-run"
        return (*SNAKEMAKE, "--snakefile", "Snakefile", "--target-jobs", rule, *given.split())


@contextmanager
def pinned_otherwise(house: House) -> Iterator[None]:
    """While another SHA-256 is pinned for the shard, and its raw file is newer than its pair."""
    before, raw = house.pins.read_bytes(), house.root / house.shard[1]
    written = raw.stat().st_mtime_ns
    line = before.rstrip(b"\n")
    house.pins.write_bytes(line[:-1] + (b"0" if line[-1:] != b"0" else b"1") + b"\n")
    os.utime(raw)
    try:
        yield
    finally:
        os.utime(raw, ns=(written, written))
        house.pins.write_bytes(before)


@contextmanager
def aside(path: Path) -> Iterator[None]:
    """While a file or folder is not there; a dry run leaves empty folders in its place."""
    hidden = path.with_name(f".{path.name}.aside")
    path.rename(hidden)
    try:
        yield
    finally:
        shutil.rmtree(path, ignore_errors=True)
        hidden.rename(path)


@contextmanager
def indexed_before(house: House, *, old: bool) -> Iterator[None]:
    """While a shard was made again with other contents since its dataset's index was, or there is no old index."""
    folder = house.root / house.tokens
    files = [folder / name for name in INDEX]
    receipt = folder / f"train/{house.shard[0]}.json"
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in (*files, receipt)}
    receipt.write_text(json.dumps(json.loads(receipt.read_text()) | {"content": "0" * 64}), encoding="utf-8")
    for path in files if not old else []:
        path.unlink()
    try:
        yield
    finally:
        for path, (data, written) in before.items():
            path.write_bytes(data)
            os.utime(path, ns=(written, written))


Case = tuple[str, Callable[[], AbstractContextManager[None]], dict[str, tuple[tuple[str, ...], str]]]


def cases(house: House) -> list[Case]:
    """What is measured: the case's name, how it comes about, and for each tool its command and what it has to say."""
    target = house.target
    tools = {"nano3": PREPARE, "prune=false": (*PREPARE, *WHOLE), "make": MAKE, "ninja": NINJA}
    nothing = {"nano3": "Nothing to be done", "make": "Nothing to be done", "ninja": "no work to do"}
    nothing["prune=false"] = nothing["nano3"]
    one = {"nano3": r"tokenize_shard +1\n", "make": "step", "ninja": "/5"}
    bundle = {"nano3": r"tokenize_bundle +\d+\n", "prune=false": rf"tokenize_shard +{house.shards}\n"}
    every = bundle | {"make": "step", "ninja": f"/{house.shards + 7}"}
    pair: dict[str, tuple[str, ...]] = {
        "nano3": (*SNAKEMAKE, "--dry-run", target),
        "make": (*MAKE, target),
        "ninja": (*NINJA, target),
    }
    only = one | {"ninja": "/1"}
    job, index = {"nano3": (house.job(), r"tokenize_shard +1\n")}, {"nano3": (house.index(), "")}
    return [
        ("nothing changed", nullcontext, {tool: (tools[tool], nothing[tool]) for tool in tools}),
        ("one shard pinned again", lambda: pinned_otherwise(house), {tool: (tools[tool], one[tool]) for tool in one}),
        (
            "one missing pair as target",
            lambda: aside(house.root / target),
            {tool: (pair[tool], only[tool]) for tool in pair},
        ),
        ("no tokens yet", lambda: aside(house.root / "results"), {tool: (tools[tool], every[tool]) for tool in tools}),
        ("a job's own process", nullcontext, job),
        ("os.stat of every pair", nullcontext, {"stat": (STAT, "")}),
        ("index, one shard made again", lambda: indexed_before(house, old=True), index),
        ("index, from nothing", lambda: indexed_before(house, old=False), index),
    ]


# The most seconds and MB for nano3 at the largest size.
GOALS = {
    "nothing changed": (5, 300),
    "one shard pinned again": (5, 300),
    "one missing pair as target": (4, 300),
    "no tokens yet": (30, 500),
    "a job's own process": (4, 300),
}


def measure(house: House, name: str, tool: str, command: tuple[str, ...], says: str) -> Result:
    """Run a command. Ends the benchmark if it fails or does not say what it should."""
    bin_folder = str(Path(sys.executable).parent)
    environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}"}
    environment.pop("PYTHONPATH", None)
    log, load = (FOLDER / "said.txt").resolve(), os.getloadavg()[0]
    with log.open("wb") as file:
        began = time.perf_counter()
        child = subprocess.Popen(command, cwd=house.root, env=environment, stdout=file, stderr=subprocess.STDOUT)
        _, status, usage = os.wait4(child.pid, 0)
        seconds = time.perf_counter() - began
    said = tail(log)
    if status or not re.search(says, said):
        sys.exit(f"{name}, {tool}: status {status}, and it did not say {says!r}:\n{said[-3000:]}")
    cpu = usage.ru_utime + usage.ru_stime
    return Result(house.shards, name, tool, seconds, cpu, usage.ru_maxrss / 1000, load)


def tail(path: Path) -> str:
    """The end of a long text, and no more of it in memory."""
    with path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - 100_000))
        return file.read().decode(errors="replace")


def run(sizes: list[int]) -> list[Result]:
    """Measure all cases at all sizes."""
    results: list[Result] = []
    for shards in sizes:
        house = House(FOLDER / str(shards), shards)
        house.root.mkdir(parents=True, exist_ok=True)
        with (FOLDER / "built.txt").open("wb") as log:
            build = [sys.executable, "benchmarks/synthetic.py", str(shards), str(house.root)]
            subprocess.run(build, check=True, stdout=log, stderr=subprocess.STDOUT)
        for name, circumstances, tools in cases(house):
            best: dict[str, Result] = {}
            for _ in range(REPEATS):  # tools in turn, so that all have their share of what else the machine does
                for tool, (command, says) in tools.items():
                    left_out = tool == "prune=false" and shards > MOST_WHOLE
                    if left_out or (tool in best and best[tool].seconds > SLOW):
                        continue
                    with circumstances():
                        taken = measure(house, name, tool, command, says)
                    best[tool] = min(taken, best.get(tool, taken), key=lambda result: result.seconds)
            results += best.values()
            print(*map(row, best.values()), sep="\n", flush=True)
    return results


def row(result: Result) -> str:
    """A line of the table."""
    return (
        f"| {result.shards:7,} | {result.case:27} | {result.tool:11} "
        f"| {result.seconds:7.2f} | {result.cpu:7.2f} | {result.peak:6,.0f} |"
    )


HEADER = (
    f"| {'shards':>7} | {'case':27} | {'tool':11} | {'seconds':>7} | {'CPU s':>7} | {'MB':>6} |\n"
    "|--------:|-----------------------------|-------------|--------:|--------:|-------:|"
)


def missed(results: list[Result]) -> list[str]:
    """Goals that are not reached."""
    return [
        f"{result.case}, {result.seconds:.1f} s ({result.cpu:.1f} of the processor) and {result.peak:.0f} MB "
        f"where {seconds} s and {memory} MB are the goal"
        for result in results
        if result.tool == "nano3" and result.shards == SIZES[-1] and result.case in GOALS
        for seconds, memory in [GOALS[result.case]]
        if result.seconds > seconds or result.peak > memory
    ]


def main(sizes: list[int], page: bool) -> None:
    """Measure, and write page and plot."""
    if not page:
        FOLDER.mkdir(parents=True, exist_ok=True)
        print(HEADER)
        measured = run(sizes)
        RESULTS.write_text(json.dumps([asdict(result) for result in measured], indent=1), encoding="utf-8")
    from planning_page import write_page

    over = missed([Result(**values) for values in json.loads(RESULTS.read_text(encoding="utf-8"))])
    write_page(MOST_WHOLE, REPEATS, over)
    if over:
        sys.exit("\n".join(over))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", nargs="*", type=int, metavar="shards", default=list(SIZES))
    parser.add_argument("--page", action="store_true")
    main(**vars(parser.parse_args()))
