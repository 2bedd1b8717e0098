"""
What does the next stage need to know of a finished pretraining? One file beside the export says it.

Paths are relative to the file, so it stays true when the folder of results is moved or copied as a whole. Weights that
`checkpoint.save` put outside of it keep their absolute path.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json
from nano3.artifact.receipt import Output
from nano3.artifact.steps import SegmentReceipt
from nano3.conversion.special_tokens import Changes, SpecialTokens


def next_stage_manifest(
    manifest: Path,
    checkpoint: Path,
    trained: SegmentReceipt,
    model: Path,
    files: Sequence[Output],
    longest: int,
    tokens: SpecialTokens,
    changes: Changes,
) -> dict[str, Any]:
    """
    The manifest's content. manifest: where it will lie. checkpoint, trained: the last segment's receipt. model: the
    exported folder. files: in it. longest: tokens of the longest training sequence. tokens: the control tokens.
    changes: what the tokenizer's own files said otherwise, see nano3.conversion.special_tokens.
    """
    facts, spec = trained.facts, trained.key
    weights = Path(facts.checkpoint)
    saved = {Path(output.path).name: output.sha256 for output in trained.outputs if _in(weights, output.path)}
    exported = {Path(output.path).name: output.sha256 for output in files}
    return {
        "stage": "pretrain",
        "next": "sft",
        "sequence_length": longest,
        "step": facts.steps,
        "tokens": facts.tokens_seen,
        "parameters": facts.parameters,
        "spec": digest_json(spec),
        "receipt": _relative(checkpoint, manifest),
        "hugging_face": {
            "path": _relative(model, manifest),
            "format": "transformers, safetensors",
            "class": "NemotronHForCausalLM",
            "sha256": exported,
        },
        "megatron": {
            "path": _relative(weights, manifest),
            "format": "megatron-core distributed checkpoint, torch_dist",
            "model": spec["model"],
            "precision": spec["precision"],
            "sha256": saved,
        },
        "tokenizer": {
            "path": _relative(model, manifest),
            "sha256": exported["tokenizer.json"],
            "vocab_size": spec["model"]["vocab_size"],
            **tokens.as_json(),
            "changes": changes,
        },
    }


def _in(folder: Path, path: str) -> bool:
    return Path(path).parent == folder


def _relative(path: Path, manifest: Path) -> str:
    inside = not path.is_absolute() and path.parts[0] == manifest.parts[0]
    return os.path.relpath(path, manifest.parent) if inside else str(path.resolve())
