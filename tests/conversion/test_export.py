import copy
import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from transformers import AutoTokenizer, NemotronHForCausalLM

from nano3.artifact.digest import digest_file
from nano3.artifact.steps import SegmentReceipt, read_receipt
from nano3.conversion.export import TOLERANCE, largest_difference, to_transformers
from nano3.training.cpu.checkpoints import load_model
from nano3.training.cpu.model import build_model
from nano3.training.cpu.process_group import init_process_group
from tests.conftest import House
from tests.training.conftest import MODEL

pytestmark = pytest.mark.slow


def test_the_next_stage_finds_all_it_needs_after_results_moved(quick_house: House, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere"
    shutil.copytree(quick_house.root / "results", moved, copy_function=os.link)
    path = next(moved.glob("exports/*/manifest.json"))
    manifest = json.loads(path.read_text())
    hugging_face, megatron = (path.parent / manifest[kind]["path"] for kind in ("hugging_face", "megatron"))
    for kind, folder in (("hugging_face", hugging_face), ("megatron", megatron)):
        files = [file for file in folder.iterdir() if file.name != ".snakemake_timestamp"]
        assert {file.name: digest_file(file) for file in files} == manifest[kind]["sha256"]
    assert read_receipt(path.parent / manifest["receipt"], SegmentReceipt).facts.steps == manifest["step"]
    tokenizer = AutoTokenizer.from_pretrained(path.parent / manifest["tokenizer"]["path"])
    assert len(tokenizer) <= manifest["tokenizer"]["vocab_size"]
    init_process_group(0)
    model = build_model(manifest["megatron"]["model"], manifest["megatron"]["precision"]).eval()
    load_model(model, megatron)
    exported = NemotronHForCausalLM.from_pretrained(hugging_face)
    assert largest_difference(model, exported, manifest["sequence_length"]) <= TOLERANCE


# As after long training: routers biased, and Mamba steps far below transformers' default limit of 0.001.
TRAINED = {"expert_bias": 0.05, "dt_bias": -9.0}


@pytest.mark.parametrize("pattern", ["MEM*EME", "M", "*", "E"])
def test_exported_logits_are_those_of_megatron(pattern: str) -> None:
    init_process_group(3)
    model = MODEL | {"hybrid_override_pattern": pattern}
    megatron = build_model(model, "fp32").eval()
    with torch.no_grad():
        for name, tensor in [*megatron.named_parameters(), *megatron.named_buffers()]:
            for ending, value in TRAINED.items():
                if name.endswith(ending):
                    tensor.copy_(torch.randn(tensor.shape) * 0.02 + value)
    exported = to_transformers(megatron, model, 64)
    assert largest_difference(megatron, exported, 150) <= TOLERANCE

    other = copy.deepcopy(exported)
    with torch.no_grad():
        next(other.model.layers[0].mixer.parameters()).add_(0.3)
    assert largest_difference(megatron, other, 150) > TOLERANCE
