import copy
import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoTokenizer, LogitsProcessorList, NemotronHForCausalLM

from nano3.artifact.digest import digest_file
from nano3.artifact.steps import ExportKey, ExportReceipt, SegmentReceipt, read_receipt
from nano3.conversion.export import TOLERANCE, ExportError, export_hf, largest_difference, to_transformers
from nano3.conversion.special_tokens import SpecialToken, SpecialTokens
from nano3.raw.tokenizers import files_in
from nano3.training.cpu.checkpoints import load_model
from nano3.training.cpu.model import build_model
from nano3.training.cpu.process_group import init_process_group
from tests.conftest import House
from tests.conversion.tokenizers import IDS, RECIPE, write_tokenizer
from tests.receipts import CHECKPOINTS, training
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
    for name in ("bos", "eos", "pad"):
        token = {"token": getattr(tokenizer, f"{name}_token"), "id": getattr(tokenizer, f"{name}_token_id")}
        assert manifest["tokenizer"][name] == token
    assert manifest["tokenizer"]["changes"] == {}
    init_process_group(0)
    model = build_model(manifest["megatron"]["model"], manifest["megatron"]["precision"]).eval()
    load_model(model, megatron)
    exported = NemotronHForCausalLM.from_pretrained(hugging_face)
    assert largest_difference(model, exported, manifest["sequence_length"]) <= TOLERANCE


TOKENS = SpecialTokens(SpecialToken("<|begin|>", 11), SpecialToken("<|end|>", 13))
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
    exported = to_transformers(megatron, model, 64, TOKENS)
    assert largest_difference(megatron, exported, 150) <= TOLERANCE

    other = copy.deepcopy(exported)
    with torch.no_grad():
        next(other.model.layers[0].mixer.parameters()).add_(0.3)
    assert largest_difference(megatron, other, 150) > TOLERANCE


@pytest.fixture
def last_segment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The receipt of a segment that trained nothing: its weights are those that the seed draws."""
    monkeypatch.chdir(tmp_path)
    training(["web"])
    monkeypatch.setattr("nano3.conversion.export.load_model", lambda _model, _folder: None)
    path = CHECKPOINTS / "long_context/long_2/receipt.json"
    receipt = json.loads(path.read_text())
    receipt["key"] |= {"model": MODEL, "precision": "fp32", "seed": 3}
    path.write_text(json.dumps(receipt))
    return path


def exported(checkpoint: Path, tokenizer: Path) -> tuple[Path, dict[str, Any]]:
    """The exported folder and its manifest."""
    files = {path.name: digest_file(path) for path in files_in(tokenizer)}
    key: ExportKey = {"tokenizer": files, "tokens": RECIPE, "longest_sequence": 64, "code": "c"}
    folder = Path("results/exports/tiny")
    model, manifest = folder / "model", folder / "manifest.json"
    export_hf(checkpoint, tokenizer, key, model, manifest, folder / "receipt.json")
    return model, json.loads(manifest.read_text())


@pytest.mark.parametrize("pad", [None, "[PAD]"])
def test_the_recipes_tokens_are_in_every_file_and_end_a_generation(last_segment: Path, pad: str | None) -> None:
    said = {"tokenizer_config": {"eos_token": "<|turn|>"} | ({"pad_token": pad} if pad else {})}
    folder, manifest = exported(last_segment, write_tokenizer(Path("tokenizer"), **said))
    ids = {"bos_token_id": 11, "eos_token_id": 13, "pad_token_id": IDS.get(pad or "")}
    for file in ("config.json", "generation_config.json"):
        written = json.loads((folder / file).read_text())
        assert {name: written.get(name) for name in ids} == ids, file
    tokenizer, model = AutoTokenizer.from_pretrained(folder), NemotronHForCausalLM.from_pretrained(folder)
    for where in (tokenizer, model.config, model.generation_config):
        assert {name: getattr(where, name) for name in ids} == ids
    assert manifest["tokenizer"]["eos"] == {"token": "<|end|>", "id": 13}
    assert (manifest["tokenizer"]["pad"] or {}).get("id") == ids["pad_token_id"]
    assert manifest["tokenizer"]["changes"] == {
        "tokenizer_config.json": {"eos_token": {"was": "<|turn|>", "is": "<|end|>"}}
    }

    def say_the_third_is(token: int) -> LogitsProcessorList:
        def say(ids: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
            wanted = token if ids.shape[1] == 3 else 7
            return torch.nn.functional.one_hot(torch.full((len(ids),), wanted), logits.shape[-1]).float()

        return LogitsProcessorList([say])

    begin = torch.tensor([[11]])
    for token, length in ((13, 4), (2, 9)):
        said_ids = model.generate(begin, max_new_tokens=8, do_sample=False, logits_processor=say_the_third_is(token))
        assert said_ids.shape[1] == length
        assert said_ids[0, 3] == token


def test_what_lies_beside_a_tokenizer_is_not_exported(last_segment: Path) -> None:
    folder = write_tokenizer(Path("tokenizer"), added_tokens={}, config={"bos_token_id": 99}, generation_config={})
    (folder / ".cache/huggingface").mkdir(parents=True)
    (folder / ".cache/huggingface/lock").write_text("x")
    (folder / "original").mkdir()
    (folder / "model.safetensors").write_bytes(b"the weights of another model")
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    model, _ = exported(last_segment, folder)
    assert {path.name for path in model.iterdir()} == {
        "added_tokens.json",
        "chat_template.jinja",
        "config.json",
        "generation_config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    }
    assert json.loads((model / "config.json").read_text())["bos_token_id"] == 11
    receipt = read_receipt("results/exports/tiny/receipt.json", ExportReceipt)
    names = {Path(used.path).name for used in receipt.inputs if used.kind == "file"}
    assert names == {"added_tokens.json", "chat_template.jinja", "tokenizer.json"}


@pytest.mark.parametrize(
    ("config", "said"),
    [
        (
            {"added_tokens_decoder": {"50": {"content": "<new>"}}},
            r"the tokenizer's configuration adds '<new>' to its tokenizer\.json: remove that from tok",
        ),
        (
            {"auto_map": {"AutoTokenizer": ["own.Tokenizer", None]}},
            r"transformers can't read the tokenizer \(.*\): write",
        ),
    ],
)
def test_a_tokenizer_that_transformers_reads_otherwise_is_refused(
    last_segment: Path, config: dict[str, Any], said: str
) -> None:
    folder = write_tokenizer(Path("tokenizer"), tokenizer_config=config)
    with pytest.raises(ExportError, match=said) as error:
        exported(last_segment, folder)
    assert "\n" not in str(error.value)
    assert not Path("results/exports/tiny/model/config.json").exists()
