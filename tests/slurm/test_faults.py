"""What becomes of a segment that is interrupted: goes on, is tried again, or stops with the reason."""

import json
import os
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from nano3.config.load import load_recipe
from nano3.training.attempts import Attempt, AttemptLog
from tests.slurm.conftest import STARTED, Site, copy_site, job_fields, slurm, waited_for

pytestmark = pytest.mark.slurm

SHORT = "evaluation.tokens=512 checkpoint.save_interval=4 layout.threads=1"
LONG = f"{SHORT} train.train_iters=60"  # about 48 steps of phase1/stable, 15 seconds


def target(overrides: str) -> str:
    """The receipt of the first segment."""
    return f"results/checkpoints/{load_recipe('tiny', overrides)[0]}/phase1/stable/receipt.json"


def asked(overrides: str, *more: str) -> tuple[str, ...]:
    return (target(overrides), *more, "--config", f"set={overrides}")


def losses(site: Site, overrides: str) -> list[float]:
    lines = (site.root / target(overrides)).with_name("metrics.jsonl").read_text().splitlines()
    return [json.loads(line)["loss"] for line in lines]


def log(site: Site, overrides: str) -> str:
    return (site.root / target(overrides)).with_name("train_segment.log").read_text()


def weights(site: Site) -> Path:
    """The folder of the one segment that is trained here."""
    [folder] = (site.root / "results/weights").iterdir()
    return folder


def attempts(site: Site) -> list[Attempt]:
    return AttemptLog(weights(site)).attempts()


def running(site: Site) -> str:
    """The job that trains, once it has saved a checkpoint."""
    waited_for(lambda: list((site.root / "results/weights").glob("*/iter_*")), 120)
    job = attempts(site)[-1].job
    assert job
    return job


@pytest.fixture(scope="module")
def prepared(cluster: None, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """All but the training of the first segment of LONG, and what comes of that without Slurm, to compare with."""
    site = copy_site(tmp_path_factory.mktemp("prepared") / "site")
    done = site.run("-m", "snakemake", *asked(LONG))
    assert done.returncode == 0, done.stderr
    shutil.rmtree(site.root / "results/weights")
    receipt = site.root / target(LONG)
    receipt.rename(receipt.with_name("reference.json"))
    return site


@pytest.fixture
def site(prepared: Site, tmp_path: Path) -> Iterator[Site]:
    """A copy of the prepared house to break; nothing of it is left in the queue."""
    shutil.copytree(prepared.root, tmp_path / "site", symlinks=True)
    yield Site(tmp_path / "site")
    for process in STARTED:
        process.kill()  # if a test failed
    STARTED.clear()
    slurm("scancel", "--user=root")
    for node in ("n2", "n3"):
        subprocess.run(["scontrol", "update", f"NodeName={node}", "State=RESUME"], check=False, capture_output=True)
    waited_for(lambda: not slurm("squeue", "--noheader"))
    shutil.rmtree(tmp_path / "site")


def assert_as_uninterrupted(site: Site, prepared: Site) -> None:
    reference = json.loads((prepared.root / target(LONG)).with_name("reference.json").read_text())
    receipt = json.loads((site.root / target(LONG)).read_text())
    assert receipt["facts"]["loss"] == reference["facts"]["loss"]
    assert receipt["facts"]["validation"] == reference["facts"]["validation"]
    assert receipt["content"] == reference["content"]  # every weight and moment, bit for bit


def test_a_segment_of_ten_walltimes_finishes_by_itself(site: Site) -> None:
    overrides = f"{SHORT} train.train_iters=12"
    # Of a time limit of a minute nothing is left but for the step it is in.
    site.edit_profile("grace: 10", "grace: 60")
    site.edit_profile("runtime: 240                 # minutes; a segment", "runtime: 1  # minutes; a segment")
    site.snakemake(*asked(overrides, "--retries", "0"))
    turns = attempts(site)
    assert [turn.step for turn in turns] == list(range(len(turns)))
    assert len(turns) >= 10
    assert [turn.outcome for turn in turns] == ["out of time"] * (len(turns) - 1) + ["finished"]
    assert len({turn.job for turn in turns}) == 1
    with_limit = losses(site, overrides)
    (site.root / target(overrides)).unlink()
    shutil.rmtree(site.root / "results/weights")
    assert site.run("-m", "snakemake", *asked(overrides)).returncode == 0
    assert losses(site, overrides) == with_limit


def test_a_preempted_segment_is_queued_again_and_goes_on(site: Site, prepared: Site) -> None:
    site.edit_profile("slurm_partition: gpu", "slurm_partition: spot")
    snakemake = site.start_snakemake(*asked(LONG))
    job = running(site)
    slurm("sbatch", "--partition=gpu", "--nodes=2", "--exclusive", "--output=/dev/null", "--wrap=sleep 2")
    printed, _ = snakemake.communicate()
    assert snakemake.returncode == 0, printed
    first, *_, last = attempts(site)
    assert (first.outcome, last.outcome) == ("told to end", "finished")
    assert last.job == job
    assert last.step > first.step
    assert_as_uninterrupted(site, prepared)


def test_a_node_that_is_set_down_costs_the_steps_since_the_last_checkpoint(site: Site, prepared: Site) -> None:
    snakemake = site.start_snakemake(*asked(LONG))
    job = running(site)
    node = job_fields(job)["NodeList"]
    slurm("scontrol", "update", f"NodeName={node}", "State=DOWN", "Reason=test")
    printed, _ = snakemake.communicate()
    assert snakemake.returncode == 0, printed
    first, second = attempts(site)
    assert (second.outcome, second.job, second.again) == ("finished", job, True)
    assert second.step > first.step
    assert job_fields(job)["NodeList"] != node
    assert_as_uninterrupted(site, prepared)


def test_a_cancelled_segment_saves_and_is_not_tried_again_until_asked(site: Site, prepared: Site) -> None:
    snakemake = site.start_snakemake(*asked(LONG, "--retries", "1"))
    job = running(site)
    slurm("scancel", job)
    printed, _ = snakemake.communicate()
    assert snakemake.returncode == 1
    assert "not retried: the last attempt ended like this: it was told to end (SIGTERM); saved at step" in printed
    [cancelled] = attempts(site)
    site.snakemake(*asked(LONG))
    assert attempts(site)[1].step > cancelled.step
    assert_as_uninterrupted(site, prepared)


def test_a_segment_that_was_short_of_memory_is_tried_again_with_more(site: Site, prepared: Site) -> None:
    site.edit_profile("mem_mb: 4000 * attempt     # of each node", "mem_mb: 500 * attempt**4")
    printed = site.snakemake(*asked(LONG))
    assert "Snakemake tries it again" in printed
    first, second = attempts(site)
    assert (first.outcome, second.outcome) == (None, "finished")  # a kill leaves no time for a word
    assert first.job != second.job
    assert_as_uninterrupted(site, prepared)


def test_a_loss_that_is_no_number_stops_with_the_reason(site: Site) -> None:
    overrides = f"{LONG} learning_rate.peak=1e30"
    done = site.try_snakemake(*asked(overrides, "--retries", "1"))
    assert done.returncode == 1
    [stopped] = attempts(site)
    assert stopped.outcome == "stopped"
    assert re.match(r"step \d+: the loss is (nan|inf)", stopped.why)
    assert f"not retried: the last attempt ended like this: {stopped.why}" in log(site, overrides)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 20 MB; a checkpoint has 23."""
    disk = tmp_path / "disk"
    disk.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(disk)], check=True)
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_stops_the_segment_after_two_attempts(site: Site, small_disk: Path) -> None:
    overrides = f"{LONG} checkpoint.save={small_disk}"
    done = site.try_snakemake(*asked(overrides, "--retries", "2"))
    assert done.returncode == 1
    [folder] = small_disk.iterdir()
    assert [attempt.outcome for attempt in AttemptLog(folder).attempts()] == ["failed", "failed"]
    assert "2 attempts in a row got no further than step 0; the last one: " in log(site, overrides)
    assert "No space left on device" in log(site, overrides)
    assert not list(folder.glob(".iter*"))


def test_when_one_rank_dies_all_end_and_the_next_attempt_goes_on(site: Site) -> None:
    overrides = f"{LONG} layout.nodes=2 layout.processes_per_node=2"
    snakemake = site.start_snakemake(*asked(overrides))
    job = running(site)
    os.kill(_rank(job, 3), signal.SIGKILL)
    printed, _ = snakemake.communicate()
    assert snakemake.returncode == 0, printed
    assert "Snakemake tries it again" in printed
    first, second = attempts(site)
    assert second.step > first.step
    assert second.outcome == "finished"


def _rank(job: str, rank: int) -> int:
    """The process of a rank."""
    wanted = {f"SLURM_JOB_ID={job}".encode(), f"RANK={rank}".encode()}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environment = set((folder / "environ").read_bytes().split(b"\0"))
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if wanted <= environment and b"train_segment.py" in command:
            return int(folder.name)
    raise AssertionError(f"no rank {rank} of job {job}")


def test_a_detached_run_survives_can_be_cancelled_and_resumed(site: Site, prepared: Site) -> None:
    submitted = site.nano3("submit", "--", *asked(LONG))
    assert submitted.returncode == 0, submitted.stderr
    [head] = re.findall(r"^job (\d+) runs", submitted.stdout)
    training = running(site)
    assert (site.root / f"results/logs/slurm/controller-{head}.log").is_file()
    slurm("scancel", head)
    waited_for(lambda: not slurm("squeue", "--noheader"))
    assert job_fields(head)["JobState"] == job_fields(training)["JobState"] == "CANCELLED"
    resumed = site.nano3("submit", "--", *asked(LONG))
    [head] = re.findall(r"^job (\d+) runs", resumed.stdout)
    waited_for(lambda: job_fields(head)["JobState"] == "COMPLETED", 180)
    assert attempts(site)[1].step > 0
    assert_as_uninterrupted(site, prepared)
