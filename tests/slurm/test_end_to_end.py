"""Recipe tiny through the executor: what `snakemake --profile profiles/slurm` builds."""

import json
import subprocess
from pathlib import Path

import pytest

from tests.conftest import QUICK
from tests.slurm.conftest import FOUR_RANKS, SECRET, Site, job_fields

pytestmark = pytest.mark.slurm


def test_tokens_are_made_on_cpu_nodes_and_segments_trained_on_gpu_nodes(built: Site) -> None:
    places = {}
    for receipt in (built.root / "results").rglob("*.json"):
        content = json.loads(receipt.read_text())
        if isinstance(content, dict) and content.get("run", {}).get("slurm_job"):
            fields = job_fields(content["run"]["slurm_job"])
            places.setdefault(content["step"], set()).add((fields["Partition"], fields["NumNodes"]))
    assert places == {
        "tokenize_shard": {("cpu", "1")},
        "index_dataset": {("cpu", "1")},
        "write_blend": {("cpu", "1")},
        "train_segment": {("gpu", "2")},
        "export_hf": {("cpu", "1")},
        "write_lineage": {("cpu", "1")},
        "write_report": {("cpu", "1")},
    }


def test_a_second_run_submits_nothing(built: Site) -> None:
    assert "Nothing to be done" in built.snakemake("--config", f"{QUICK} {FOUR_RANKS}")


def test_four_ranks_on_two_nodes_compute_what_one_process_does(built: Site, tmp_path: Path) -> None:
    receipt = json.loads(built.receipts()[0].read_text())
    ...
