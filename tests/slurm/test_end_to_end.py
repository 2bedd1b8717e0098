"""Recipe tiny through the executor: what `snakemake --profile profiles/slurm` builds."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import QUICK
from tests.slurm.conftest import FOUR_RANKS, SECRET, Site, job_fields

pytestmark = pytest.mark.slurm


def test_tokens_are_made_on_cpu_nodes_and_segments_trained_on_gpu_nodes(built: Site) -> None:
    places: dict[str, set[tuple[str, str]]] = {}
    for receipt in (built.root / "results").rglob("*.json"):
        content = json.loads(receipt.read_text())
        if isinstance(content, dict) and content.get("run", {}).get("slurm_job"):
            fields = job_fields(content["run"]["slurm_job"])
            places.setdefault(content["step"], set()).add((fields["Partition"], fields["NumNodes"]))
    cpu = {("cpu", "1")}
    assert places == {
        "tokenize_shard": cpu,
        "index_dataset": cpu,
        "write_blend": cpu,
        "build_index_cache": cpu,
        "train_segment": {("gpu", "2")},
        "export_hf": cpu,
        "write_lineage": cpu,
        "write_report": cpu,
    }


def test_a_segment_has_the_gpus_of_its_layout_on_each_node(built: Site) -> None:
    for receipt in built.receipts():
        fields = job_fields(json.loads(receipt.read_text())["run"]["slurm_job"])
        assert (fields["TresPerNode"], fields["NumTasks"]) == ("gres:gpu:2", "4")


def test_a_second_run_submits_nothing(built: Site) -> None:
    assert "Nothing to be done" in built.snakemake("--config", f"{QUICK} {FOUR_RANKS}")


def test_four_ranks_on_two_nodes_compute_what_one_process_does(built: Site, tmp_path: Path) -> None:
    [first] = (built.root / "results/checkpoints").glob("*/phase1/stable/receipt.json")
    four = json.loads(first.read_text())
    assert four["facts"]["ranks"] == 4
    blend = first.parents[2].name
    options = {
        "spec": json.dumps(four["key"]),
        "phase": "phase1",
        "segment": "stable",
        "blend": f"results/blends/{blend}/phase1/blend.json",
        "blend-receipt": f"results/blends/{blend}/phase1/blend.receipt.json",
        "index-cache": f"results/blends/{blend}/phase1/index_cache.json",
        "weights": str(tmp_path / "weights"),
        "receipt": str(tmp_path / "receipt.json"),
        "metrics": str(tmp_path / "metrics.jsonl"),
        "evaluation-tokens": "1024",
        "layout": json.dumps({"micro_batch_tokens": 2048, "threads": 2}),
        "threads": "2",
        "save-interval": "40",
        "attempt": "1",
    }
    done = built.run("scripts/train_segment.py", *(f"--{name}={value}" for name, value in options.items()), "--before")
    assert done.returncode == 0, done.stderr
    one = json.loads((tmp_path / "receipt.json").read_text())
    assert one["facts"]["ranks"] == 1
    curves = [
        [json.loads(line)["loss"] for line in path.read_text().splitlines()]
        for path in (first.with_name("metrics.jsonl"), tmp_path / "metrics.jsonl")
    ]
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)
    for dataset, loss in one["facts"]["validation"]["after"].items():
        assert four["facts"]["validation"]["after"][dataset] == pytest.approx(loss, abs=1e-3)


def test_no_secret_of_the_environment_is_written_down(built: Site) -> None:
    found = subprocess.run(["grep", "-rl", SECRET, str(built.root)], capture_output=True, text=True, check=False)
    assert found.stdout == ""
    jobs = [json.loads(path.read_text())["run"]["slurm_job"] for path in built.receipts()]
    for job in jobs:
        script = subprocess.run(["scontrol", "show", "job", "-dd", job], capture_output=True, text=True, check=True)
        assert SECRET not in script.stdout
