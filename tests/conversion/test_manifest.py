"""The manifest's paths hold wherever the results are moved, as a whole."""

from pathlib import Path

import pytest

from nano3.artifact.receipt import Output
from nano3.artifact.steps import SegmentReceipt, read_receipt
from nano3.conversion.manifest import next_stage_manifest
from nano3.conversion.special_tokens import SpecialToken, SpecialTokens
from tests.receipts import CHECKPOINTS, training

TOKENS = SpecialTokens(SpecialToken("<s>", 11), SpecialToken("</s>", 13))
LAST = CHECKPOINTS / "long_context/long_2"
MODEL = Path("results/exports/tiny/model")


@pytest.fixture(autouse=True)
def house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    training(["web"])


def test_paths_are_relative_to_the_manifest_and_weights_elsewhere_absolute(tmp_path: Path) -> None:
    trained = read_receipt(LAST / "receipt.json", SegmentReceipt)
    trained.key["model"]["vocab_size"] = 512
    files = [Output(str(MODEL / "tokenizer.json"), 1, "0" * 64)]
    manifest = next_stage_manifest(
        MODEL.parent / "manifest.json", LAST / "receipt.json", trained, MODEL, files, 1024, TOKENS, {}
    )
    assert manifest["hugging_face"]["path"] == "model"
    assert manifest["receipt"] == "../../checkpoints/tiny/long_context/long_2/receipt.json"
    assert manifest["megatron"]["sha256"].keys() == {"common.pt"}
    assert (manifest["step"], manifest["tokens"]) == (trained.facts.steps, trained.facts.tokens_seen)
    elsewhere = next_stage_manifest(
        tmp_path / "m.json", LAST / "receipt.json", trained, Path("/scratch/model"), files, 8, TOKENS, {}
    )
    assert elsewhere["hugging_face"]["path"] == "/scratch/model"


def test_the_control_tokens_are_named_with_their_ids_and_what_the_tokenizer_said_otherwise() -> None:
    trained = read_receipt(LAST / "receipt.json", SegmentReceipt)
    trained.key["model"]["vocab_size"] = 512
    files = [Output(str(MODEL / "tokenizer.json"), 1, "0" * 64)]
    changes = {"tokenizer_config.json": {"eos_token": {"was": "<|im_end|>", "is": "</s>"}}}
    manifest = next_stage_manifest(
        MODEL.parent / "manifest.json", LAST / "receipt.json", trained, MODEL, files, 8, TOKENS, changes
    )
    tokenizer = manifest["tokenizer"]
    assert (tokenizer["bos"], tokenizer["eos"]) == ({"token": "<s>", "id": 11}, {"token": "</s>", "id": 13})
    assert tokenizer["pad"] is None
    assert tokenizer["changes"] == changes
