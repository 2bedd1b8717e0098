"""
Does a GPU with the real Mamba-2 kernels compute what the CPU trainer computes, and how fast?

    prepare   on any machine: first weights, samples of 20 steps, and what the CPU trainer makes of them, in one file
    run       on a GPU: the same steps from the same weights, with mamba-ssm's kernels in Megatron-Core's own mixer
    compare   losses side by side, logits, tokens/s, share of the GPU's peak

Both sides run the CPU trainer's own step (nano3.training.cpu.trainer); only the Mamba-2 layer and the device differ.
fp32.
"""

import argparse
import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from nano3.artifact.steps import IndexCacheReceipt, SegmentReceipt, read_receipt
from nano3.config.model import Model
from nano3.config.parameters import flops_per_token

LOGITS = (2, 64)  # sequences and tokens to compare logits on
TIMED = 10  # steps after the first WARM
WARM = 5


def utilization(tokens_per_second: float, flops: float, peak_tflops: float) -> float:
    """Share of a GPU's peak that training takes. flops: for each token."""
    return tokens_per_second * flops / (peak_tflops * 1e12)


def prepare(receipt: Path, bundle: Path, steps: int) -> None:
    """
    Write what a GPU needs and what it is compared with.

    receipt: of a trained segment of tiny, whose spec and data are taken. steps: of training.
    """
    from nano3.training.cpu import trainer as cpu
    from nano3.training.cpu.model import logits
    from nano3.training.cpu.process_group import init_process_group
    from nano3.training.samples import TrainSamples

    trained = read_receipt(receipt, SegmentReceipt)
    spec, (blend, index_cache) = trained.key, [Path(source.path) for source in trained.inputs[:2]]
    size, length = spec["batch"]["global_batch_size"], spec["batch"]["sequence_length"]
    folders = read_receipt(index_cache, IndexCacheReceipt).facts.folders
    count = spec["steps"]["count"] * size
    data = TrainSamples(blend.with_name("blend.json"), folders, spec["data"], length, count, spec["seed"])
    samples = [data[number] for number in range(steps * size)]
    init_process_group(spec["seed"])
    side = cpu._fresh(spec)
    first = {name: value.clone() for name, value in side.model.state_dict().items() if isinstance(value, Tensor)}
    tokens = torch.randint(spec["model"]["vocab_size"], LOGITS, generator=torch.Generator().manual_seed(0))
    lines = [cpu._train_step(side, spec, step, samples, size) for step in range(steps)]  # type: ignore[arg-type]
    with torch.no_grad():
        scores = logits(side.model.eval(), tokens)
    bundle.parent.mkdir(parents=True, exist_ok=True)
    torch.save(
        {"spec": spec, "first": first, "samples": samples, "lines": lines, "tokens": tokens, "logits": scores}, bundle
    )
    print(
        f"{bundle}: {steps} steps on {torch.get_num_threads()} CPU threads, "
        f"loss {lines[0]['loss']} to {lines[-1]['loss']}"
    )


def run(bundle: Path, out: Path, device: str) -> None:
    """Train the bundle's steps on a device and write losses, logits and speed. device: cuda, or cpu to try this out."""
    from nano3.training.cpu import model
    from nano3.training.cpu import trainer as cpu
    from nano3.training.cpu.process_group import init_process_group

    packed = torch.load(bundle, weights_only=True)
    spec, size = packed["spec"], packed["spec"]["batch"]["global_batch_size"]
    init_process_group(spec["seed"])
    if device == "cuda":
        vars(cpu)["build_model"] = _with_kernels

    def mask(length: int) -> Tensor:
        return model.causal_mask(length).to(device)

    vars(cpu)["causal_mask"] = mask
    side = cpu._fresh(spec)
    missing, unexpected = side.model.load_state_dict(packed["first"], strict=False)
    if unexpected or [name for name in missing if not name.endswith("_extra_state")]:
        raise SystemExit(f"weights do not fit: missing {missing}, unexpected {unexpected}")
    samples = [{name: value.to(device) for name, value in sample.items()} for sample in packed["samples"]]
    steps = len(samples) // size
    lines = [cpu._train_step(side, spec, step, samples, size) for step in range(steps)]  # type: ignore[arg-type]
    with torch.no_grad():
        scores = side.model.eval()(packed["tokens"].to(device), None, mask(LOGITS[1])).float().cpu()
    seconds = []
    side.model.train()
    for step in range(WARM + TIMED):
        if device == "cuda":
            torch.cuda.synchronize()
        began = time.perf_counter()
        cpu._train_step(side, spec, step % steps, samples, size)  # type: ignore[arg-type]
        if device == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    median = sorted(seconds[WARM:])[TIMED // 2]
    out.write_text(
        json.dumps(
            {
                "device": torch.cuda.get_device_name() if device == "cuda" else "cpu",
                "losses": [line["loss"] for line in lines],
                "logits": float((scores - packed["logits"]).abs().max()),
                "tokens_per_second": size * spec["batch"]["sequence_length"] / median,
            }
        ),
        encoding="utf-8",
    )


def compare(bundle: Path, out: Path, peak_tflops: float, tolerance: float) -> None:
    """Print both sides. Ends the program with status 1 if a loss differs by more than the tolerance."""
    packed, theirs = torch.load(bundle, weights_only=True), json.loads(out.read_text(encoding="utf-8"))
    ours, spec = [line["loss"] for line in packed["lines"]], packed["spec"]
    print(f"step      cpu  {theirs['device']:>24}  difference")
    for step, (mine, other) in enumerate(zip(ours, theirs["losses"], strict=True)):
        print(f"{step:4}  {mine:.5f}  {other:24.5f}  {other - mine:+.6f}")
    flops = flops_per_token(Model.model_validate(spec["model"]), spec["batch"]["sequence_length"])
    share = utilization(theirs["tokens_per_second"], flops, peak_tflops)
    print(f"largest difference of logits after these steps: {theirs['logits']:.2e}")
    print(
        f"{theirs['tokens_per_second']:,.0f} tokens/s, {flops:,.0f} operations a token, "
        f"{share:.2%} of {peak_tflops} TFLOP/s"
    )
    worst = max(abs(mine - other) for mine, other in zip(ours, theirs["losses"], strict=True))
    if not worst <= tolerance:
        raise SystemExit(f"losses differ by up to {worst:.6f}, more than {tolerance}")


def _with_kernels(model: Mapping[str, Any], precision: str) -> Any:
    """The CPU trainer's network on a GPU, with Megatron-Core's own Mamba-2 mixer."""
    from megatron.core.models.mamba.mamba_model import MambaModel
    from megatron.core.ssm.mamba_mixer import MambaMixer, MambaMixerSubmodules
    from megatron.core.tensor_parallel import ColumnParallelLinear, RowParallelLinear
    from megatron.core.transformer.spec_utils import ModuleSpec

    from nano3.training.cpu.model import _layers, transformer_config

    layers = _layers(model["num_moe_experts"])
    projections = MambaMixerSubmodules(in_proj=ColumnParallelLinear, out_proj=RowParallelLinear)
    layers.submodules.mamba_layer.submodules.mixer = ModuleSpec(MambaMixer, submodules=projections)
    return MambaModel(
        transformer_config(model, precision),
        mamba_stack_spec=layers,
        vocab_size=model["vocab_size"],
        max_sequence_length=0,
        hybrid_override_pattern=model["hybrid_override_pattern"],
        position_embedding_type="none",
        share_embeddings_and_output_weights=False,
    ).cuda()


def main(words: list[str] | None = None) -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("part", choices=["prepare", "run", "compare"])
    parser.add_argument("--receipt", type=Path, default=Path("results/checkpoints/tiny/phase1/stable/receipt.json"))
    parser.add_argument("--bundle", type=Path, default=Path("build/gpu_parity/bundle.pt"))
    parser.add_argument("--out", type=Path, default=Path("build/gpu_parity/gpu.json"))
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--device", choices=["cuda", "cpu"], default="cuda")
    parser.add_argument("--peak-tflops", type=float, default=494.7, help="TF32 without sparsity: H100 and H200 SXM")
    parser.add_argument("--tolerance", type=float, default=2e-3, help="largest difference of a loss")
    asked = parser.parse_args(words)
    if asked.part == "prepare":
        prepare(asked.receipt, asked.bundle, asked.steps)
    elif asked.part == "run":
        run(asked.bundle, asked.out, asked.device)
    else:
        compare(asked.bundle, asked.out, asked.peak_tflops, asked.tolerance)


if __name__ == "__main__":
    main()
