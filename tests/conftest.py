"""What tests share: the repository, and copies of it in which the workflow can run."""

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.clock import Waits, stop_clock
from tests.hub import Hub, start

REPOSITORY = Path(__file__).resolve().parent.parent
# Libraries read these when they are imported: no test asks the real Hub.
HUB, HUB_HOME = start(), tempfile.TemporaryDirectory()
os.environ |= {"HF_ENDPOINT": HUB.url, "HF_HOME": HUB_HOME.name, "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ.pop("HF_TOKEN", None)
PARTS = ("Snakefile", "config", "envs", "profiles", "resources/tiny", "rules", "scripts")


def nano3(*words: str, cwd: Path | None = None, **more: str) -> subprocess.CompletedProcess[str]:
    """Run the command nano3, of the repository in cwd if there is one. more: environment variables."""
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "scripts")} | more
    command = [sys.executable, "-m", "nano3", *words]
    return subprocess.run(command, cwd=cwd, env=environment, capture_output=True, text=True, check=False)


@dataclass(frozen=True)
class House:
    """A copy of the repository to run the workflow in."""

    root: Path

    @property
    def installed(self) -> dict[str, str]:
        """The environment in which the house's packages are found, Snakemake's logger among them, as `make` does it."""
        return {"PYTHONPATH": str(self.root / "scripts")}

    def snakemake(self, *arguments: str) -> str:
        """Run snakemake and return what it printed; fails if it fails."""
        done = self.try_snakemake(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def try_snakemake(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-m", "snakemake", *arguments)

    def run(self, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run this Python in the house. more: environment variables."""
        bin_folder = str(Path(sys.executable).parent)
        environment = os.environ | {"PATH": f"{bin_folder}:{os.environ['PATH']}", **self.installed} | more
        command = [sys.executable, *arguments]
        return subprocess.run(command, cwd=self.root, env=environment, capture_output=True, text=True, check=False)

    def nano3(self, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
        """Run the house's own command nano3. more: environment variables."""
        return nano3(*words, cwd=self.root, **more)

    def planned(self, *arguments: str) -> dict[str, int]:
        """How many jobs of each rule a dry run would run, without the targets that only collect."""
        printed = self.snakemake(*arguments, "--dry-run", "--quiet", "rules")
        counts = job_counts(printed)
        assert counts or "Nothing to be done" in printed, printed
        return counts

    def ran(self, *arguments: str) -> dict[str, int]:
        """Run, and count the jobs of each rule that really ran."""
        self.snakemake(*arguments)
        counts: dict[str, int] = {}
        for line in self.last_log().splitlines():
            if line.startswith("Finished jobid") and "(Rule: " in line:
                rule = line.split("(Rule: ")[1].rstrip(")")
                counts[rule] = counts.get(rule, 0) + 1
        counts.pop("all", None)
        return counts

    def last_log(self) -> str:
        """What Snakemake wrote into its own log at its last run."""
        return max((self.root / ".snakemake/log").iterdir()).read_text(encoding="utf-8")

    def jobs(self, *arguments: str) -> set[str]:
        """The jobs that a dry run would run, each as its rule and what it would make first."""
        lines = iter(self.snakemake(*arguments, "--dry-run").splitlines())
        found = set()
        for line in lines:
            if line.startswith(("rule ", "checkpoint ")):
                made = next((after for after in lines if after.strip().startswith("output:") or not after), "")
                found.add(f"{line.split()[1]} {made.strip().removeprefix('output: ').split(',')[0]}")
        return found - {"all: "}

    def receipts(self) -> list[Path]:
        """Receipts of all trained segments, sorted by path."""
        return sorted((self.root / "results/checkpoints").glob("*/*/*/receipt.json"))

    def edit(self, file: str, old: str, new: str) -> None:
        path = self.root / file
        text = path.read_text(encoding="utf-8")
        assert old in text, f"{file} has no {old!r}"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")


def job_counts(printed: str) -> dict[str, int]:
    counts = {}
    lines = iter(printed.splitlines())
    for line in lines:
        if line.split() == ["job", "count"]:
            next(lines)
            for row in lines:
                words = row.split()
                if len(words) != 2 or words[0] == "total":
                    break
                counts[words[0]] = int(words[1])
            break
    counts.pop("all", None)
    return counts


def copy_repository(target: Path) -> House:
    for part in PARTS:
        source = REPOSITORY / part
        if source.is_dir():
            shutil.copytree(source, target / part, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            (target / part).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target / part)
    return House(target)


# Recipe tiny with few steps and one long-context segment: the whole graph in a minute.
QUICK = (
    "set=phases.long_context.segments='{long_1: {tokens: 2048, sequence_length: 256, global_batch_size: 2}}' "
    "train.train_iters=6 evaluation.tokens=1024"
)


def copy_house(house: House, target: Path) -> House:
    """A copy to edit, with everything that was built; weights, which nobody writes to, are linked."""

    def copy(source: str, destination: str) -> None:
        if "/results/weights/" in source:
            os.link(source, destination)
        else:
            shutil.copy2(source, destination)

    shutil.copytree(house.root, target, copy_function=copy, symlinks=True)
    return House(target)


@pytest.fixture
def bare_house(tmp_path: Path) -> House:
    """The repository as it is cloned, nothing built."""
    return copy_repository(tmp_path / "house")


@pytest.fixture(scope="session")
def quick_house(tmp_path_factory: pytest.TempPathFactory) -> House:
    """The repository with the QUICK recipe built. Tests leave it as it is and edit copies."""
    house = copy_repository(tmp_path_factory.mktemp("quick") / "house")
    house.snakemake("--config", QUICK)
    return house


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> House:
    """
    The repository with recipe tiny built, as `make demo` leaves it. Tests leave it as it is.

    It takes minutes, so test processes that run at the same time share one.
    """
    folder = tmp_path_factory.getbasetemp()
    folder = folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder
    with (folder / "demo.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "demo.built").exists():
            shutil.rmtree(folder / "demo", ignore_errors=True)
            copy_repository(folder / "demo").snakemake()
            (folder / "demo.built").touch()
    return House(folder / "demo")


@pytest.fixture
def house(quick_house: House, tmp_path: Path) -> Iterator[House]:
    """A copy of quick_house to edit."""
    yield copy_house(quick_house, tmp_path / "house")
    shutil.rmtree(tmp_path / "house")


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> Waits:
    """What would have been waited before asking again."""
    return stop_clock(monkeypatch)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, waits: Waits) -> Hub:
    """An empty Hub that the libraries ask; nobody waits for it to get better."""
    HUB.forget()
    monkeypatch.setattr("time.sleep", lambda _seconds: None)  # the libraries wait, too
    return HUB


@pytest.fixture(autouse=True)
def in_repository(monkeypatch: pytest.MonkeyPatch) -> None:
    """Paths in recipes and catalogue are relative to the repository."""
    monkeypatch.chdir(REPOSITORY)
