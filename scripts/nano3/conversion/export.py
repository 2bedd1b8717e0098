"""
A checkpoint for Hugging Face transformers: NemotronHForCausalLM with its tokenizer.

Every export is read back and must give Megatron-Core's logits. Both compute in float32 but in another order (the scan
in other chunks, the experts in other groups), so they differ in the last bits: up to 5e-6 was measured. TOLERANCE
leaves a factor of 20; a weight in the wrong place is off by more than 1e-2.
"""

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file, digest_json
from nano3.artifact.files import write_json
from nano3.artifact.receipt import Input, Output, Run
from nano3.artifact.steps import ExportFacts, ExportKey, ExportReceipt, LogitCheck, SegmentReceipt, read_receipt
from nano3.conversion.manifest import next_stage_manifest
from nano3.conversion.special_tokens import CLASS, SpecialTokens, settle, special_tokens
from nano3.core.answers import first_line
from nano3.raw.tokenizer_json import TokenizerJson
from nano3.raw.tokenizers import DEFINITION, files_in
from nano3.training.cpu.patches import patch_megatron
from nano3.training.cpu.process_group import init_process_group

patch_megatron()

from megatron.core.models.mamba.mamba_model import MambaModel  # noqa: E402
from transformers import AutoTokenizer, NemotronHConfig, NemotronHForCausalLM  # noqa: E402

from nano3.training.cpu.checkpoints import load_model  # noqa: E402
from nano3.training.cpu.model import build_model, logits  # noqa: E402

TOLERANCE = 1e-4
# transformers clamps Mamba's steps from below at time_step_min, Megatron-Core does not; it takes the log, so not 0.
NO_LOWER_LIMIT = 1e-30
CHECKED_SEQUENCES = 2
PACKAGES = ("torch", "megatron-core", "transformers", "safetensors")


class ExportError(Nano3Error):
    """The exported model is not the trained one."""


def export_hf(checkpoint: Path, tokenizer: Path, key: ExportKey, model: Path, manifest: Path, receipt: Path) -> None:
    """
    The folder that transformers' from_pretrained reads, and its receipt.

    checkpoint: receipt of a segment. tokenizer: folder of the tokenizer, and perhaps of other files. key: `tokens`, the
    recipe's `bos` and `eos`, and `longest_sequence`, in tokens. model: folder to write, whole or not at all. manifest:
    what the next stage needs to know, see nano3.conversion.manifest.
    Raises ExportError if its logits differ from Megatron-Core's by more than TOLERANCE, or if transformers reads other
    control tokens; SpecialTokenError if the tokenizer does not have them.
    """
    run = Run(PACKAGES)
    tokens = special_tokens(tokenizer, key["tokens"])
    trained = read_receipt(checkpoint, SegmentReceipt)
    spec = trained.key
    init_process_group(spec["seed"])
    megatron = build_model(spec["model"], spec["precision"]).eval()
    load_model(megatron, Path(trained.facts.checkpoint))

    aside = model.with_name(f".{model.name}.part")
    shutil.rmtree(aside, ignore_errors=True)
    longest = key["longest_sequence"]
    to_transformers(megatron, spec["model"], longest, tokens).save_pretrained(aside)
    tokenizer_files = files_in(tokenizer)
    for file in tokenizer_files:
        shutil.copyfile(file, aside / file.name)
    changes = settle(aside, tokens)
    check_tokenizer(aside, tokens)
    for file in aside.iterdir():
        shutil.copymode(aside / "config.json", file)  # safetensors lets only the owner read
    difference = largest_difference(megatron, NemotronHForCausalLM.from_pretrained(aside), longest)
    if not difference <= TOLERANCE:
        raise ExportError(f"{aside}: logits differ from Megatron-Core's by {difference:g}, more than {TOLERANCE:g}")
    shutil.rmtree(model, ignore_errors=True)
    aside.rename(model)
    files = [Output.of(path) for path in sorted(model.iterdir())]
    write_json(manifest, next_stage_manifest(manifest, checkpoint, trained, model, files, longest, tokens, changes))
    ExportReceipt.made(
        run,
        key=key,
        inputs=[
            trained.as_input(checkpoint),
            *(Input("file", str(path), digest_file(path)) for path in tokenizer_files),
        ],
        outputs=[*files, Output.of(manifest)],
        content=digest_json({Path(file.path).name: file.sha256 for file in files}),  # wherever the weights lie
        facts=ExportFacts(logits=LogitCheck(difference, TOLERANCE, longest)),
    ).write(receipt)


def to_transformers(
    megatron: MambaModel, model: Mapping[str, Any], longest: int, tokens: SpecialTokens
) -> NemotronHForCausalLM:
    """
    The same network in transformers. model: the recipe's model section. longest: tokens of a training sequence. tokens:
    the control tokens, whose ids its configurations name.
    """
    config = NemotronHConfig(
        vocab_size=model["vocab_size"],
        hidden_size=model["hidden_size"],
        hybrid_override_pattern=model["hybrid_override_pattern"],
        num_attention_heads=model["num_attention_heads"],
        num_key_value_heads=model["num_query_groups"],
        head_dim=model["kv_channels"],
        max_position_embeddings=longest,
        ssm_state_size=model["mamba_state_dim"],
        mamba_num_heads=model["mamba_num_heads"],
        mamba_head_dim=model["mamba_head_dim"],
        n_groups=model["mamba_num_groups"],
        n_routed_experts=model["num_moe_experts"],
        num_experts_per_tok=model["moe_router_topk"],
        moe_intermediate_size=model["moe_ffn_hidden_size"],
        moe_shared_expert_intermediate_size=model["moe_shared_expert_intermediate_size"],
        routed_scaling_factor=model["moe_router_topk_scaling_factor"],
        layer_norm_epsilon=model["layernorm_epsilon"],
        initializer_range=model["init_method_std"],
        time_step_min=NO_LOWER_LIMIT,
        dtype=torch.float32,
        **tokens.ids,
    )
    out = NemotronHForCausalLM(config).eval()
    out.load_state_dict(dict(_renamed(megatron.state_dict(), model)))
    return out


def check_tokenizer(folder: Path, tokens: SpecialTokens) -> None:
    """Raises ExportError if transformers reads no tokenizer there, other control tokens, or more than it has."""
    try:
        tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
    except Exception as error:
        raise ExportError(
            f"{folder}: transformers can't read the tokenizer ({first_line(error)}): "
            f"write tokenizer_class: {CLASS} into its tokenizer_config.json, without auto_map, or remove that file"
        ) from None
    if different := [name for name, id in tokens.ids.items() if getattr(tokenizer, name) != id]:
        name = different[0]
        raise ExportError(
            f"{folder}: transformers reads {name} {getattr(tokenizer, name)}, not {tokens.ids[name]}: "
            "correct the tokenizer's tokenizer_config.json, or remove it"
        )
    if added := sorted(tokenizer.get_vocab().keys() - TokenizerJson.read(folder / DEFINITION).ids.keys()):
        raise ExportError(
            f"{folder}: the tokenizer's configuration adds {added[0]!r} to its tokenizer.json: "
            f"remove that from tokenizer_config.json or added_tokens.json, or write tokenizer_class: {CLASS}"
        )


def largest_difference(megatron: MambaModel, exported: NemotronHForCausalLM, length: int) -> float:
    """Largest absolute difference of the two networks' logits on sequences of random tokens."""
    vocabulary = exported.config.vocab_size
    tokens = torch.randint(vocabulary, (CHECKED_SEQUENCES, length), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        difference = logits(megatron, tokens) - exported.eval()(input_ids=tokens, use_cache=False).logits
    return float(difference.abs().max())


def _renamed(state: Mapping[str, Tensor], model: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    """Megatron-Core's tensors under transformers' names."""
    yield "model.embeddings.weight", state["embedding.word_embeddings.weight"]
    yield "lm_head.weight", state["output_layer.weight"]
    yield "model.norm_f.weight", state["decoder.final_norm.weight"]
    layers = {"M": _mamba, "*": _attention, "E": _experts}
    for number, kind in enumerate(model["hybrid_override_pattern"]):
        source, target = f"decoder.layers.{number}.", f"model.layers.{number}."
        yield from ((target + name, tensor) for name, tensor in layers[kind](state, source, model))


def _mamba(state: Mapping[str, Tensor], source: str, model: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    yield "norm.weight", state[source + "norm.weight"]
    names = (
        "in_proj.weight",
        "conv1d.weight",
        "conv1d.bias",
        "dt_bias",
        "A_log",
        "D",
        "norm.weight",
        "out_proj.weight",
    )
    for name in names:
        yield "mixer." + name, state[source + "mixer." + name]


def _attention(state: Mapping[str, Tensor], source: str, model: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    groups, size, hidden = model["num_query_groups"], model["kv_channels"], model["hidden_size"]
    queries = model["num_attention_heads"] // groups
    together = state[source + "self_attention.linear_qkv.weight"].view(groups, queries + 2, size, hidden)
    yield "norm.weight", state[source + "input_layernorm.weight"]
    yield "mixer.q_proj.weight", together[:, :queries].reshape(-1, hidden)
    yield "mixer.k_proj.weight", together[:, queries].reshape(-1, hidden)
    yield "mixer.v_proj.weight", together[:, queries + 1].reshape(-1, hidden)
    yield "mixer.o_proj.weight", state[source + "self_attention.linear_proj.weight"]


def _experts(state: Mapping[str, Tensor], source: str, model: Mapping[str, Any]) -> Iterator[tuple[str, Tensor]]:
    def stacked(layer: str) -> Tensor:
        names = (f"{source}mlp.experts.local_experts.{n}.{layer}.weight" for n in range(model["num_moe_experts"]))
        return torch.stack([state[name] for name in names])

    yield "norm.weight", state[source + "pre_mlp_layernorm.weight"]
    yield "mixer.gate.weight", state[source + "mlp.router.weight"]
    yield "mixer.gate.e_score_correction_bias", state[source + "mlp.router.expert_bias"]
    yield "mixer.experts.up_proj", stacked("linear_fc1")
    yield "mixer.experts.down_proj", stacked("linear_fc2")
    yield "mixer.shared_experts.up_proj.weight", state[source + "mlp.shared_experts.linear_fc1.weight"]
    yield "mixer.shared_experts.down_proj.weight", state[source + "mlp.shared_experts.linear_fc2.weight"]
