"""
The CPU trainer: Megatron-Core's data sets, hybrid model, router, scheduler and distributed checkpoints in one process.

Its optimizer is torch's AdamW, for Megatron-Core's own needs CUDA. A segment that is interrupted goes on from its
last checkpoint and repeats the same losses, for every step depends on nothing but the checkpoint and its own number.
"""

import fcntl
import json
import math
import time
import warnings
from pathlib import Path
from typing import IO, Any

import torch

from nano3 import Nano3Error
from nano3.digest import digest_json, short
from nano3.draw import drawn, realized, taken_with
from nano3.prefixes import dataset_of
from nano3.receipt import Input, Output, Run, read_receipt, replaced, write_json, write_receipt
from nano3.training.process import single_process, stand_in_for_cuda

stand_in_for_cuda()

from megatron.core.distributed.finalize_model_grads import (  # noqa: E402
    _update_router_expert_bias,
    reset_model_temporary_tensors,
)
from megatron.core.optimizer_param_scheduler import OptimizerParamScheduler  # noqa: E402
from megatron.core.transformer.moe.router import MoEAuxLossAutoScaler  # noqa: E402

from nano3.training.checkpoints import Trained, load, newest, save  # noqa: E402
from nano3.training.data import Batch, HeldOutSamples, TrainSamples, batches  # noqa: E402
from nano3.training.model import build_model, causal_mask  # noqa: E402

PACKAGES = ("torch", "megatron-core", "numpy")
NO_WEIGHT_DECAY_DIMENSIONS = 1


class TrainingError(Nano3Error):
    """Training can't go on, or must not."""


def train_segment(
    spec: dict[str, Any],
    phase: str,
    segment: str,
    blend: Path,
    blend_receipt: Path,
    index_cache: Path,
    before: list[Path],
    weights: Path,
    receipt: Path,
    metrics: Path,
    evaluation_tokens: int,
    micro_batch_tokens: int,
    threads: int,
    save_interval: int,
) -> None:
    """
    Train one segment of a phase and leave its weights in weights/{digest of spec}/iter_*.

    spec: what to compute, see nano3.spec. phase, segment: what to call it. blend, blend_receipt: the phase's mixture.
    index_cache: receipt of its index cache.
    before: the receipt of the segment before this one, or nothing. receipt, metrics: the files to write, one line of
    metrics a step. evaluation_tokens: of each dataset's validation set. The rest lays the work out and changes nothing.
    Raises TrainingError if the blend is not the one of the spec, or a loss is not a number.
    """
    run = Run(PACKAGES)
    content = read_receipt(blend_receipt)["content"]
    if content != spec["data"]["blend"]:
        raise TrainingError(f"{blend}: changed since the segment was planned: run snakemake again")
    earlier = read_receipt(before[0]) if before else None
    torch.set_num_threads(threads)
    single_process(spec["seed"])

    _check_pairs(blend)
    trained = _fresh(spec)
    folder = weights / short(digest_json(spec))
    folder.mkdir(parents=True, exist_ok=True)
    lock = _locked(folder)
    write_json(folder / "spec.json", spec)
    progress = Progress(folder / "progress.jsonl", spec["steps"]["first"])
    size, length = spec["batch"]["global_batch_size"], spec["batch"]["sequence_length"]
    count = spec["steps"]["count"] * size
    folders = read_receipt(index_cache)["facts"]["folders"]
    samples = TrainSamples(blend, folders, spec["data"], length, count, spec["seed"])
    micro_batch = max(1, micro_batch_tokens // length)
    held_out = Evaluations(
        folder / f"held_out_{evaluation_tokens}.json", _held_out(blend, length, evaluation_tokens), micro_batch
    )

    done = _begin(trained, earlier, spec["steps"]["first"])
    if earlier is None or earlier["facts"]["phase"] != phase:
        held_out.measure("before", trained.model)
    if own := newest(folder):
        done = load(trained, own)
    progress.forget_after(done)
    last = spec["steps"]["first"] + spec["steps"]["count"]
    for step in range(done, last):
        progress.add(_train_step(trained, spec, step, samples, micro_batch))
        if (step + 1) % save_interval == 0 or step + 1 == last:
            save(trained, folder, step + 1)
    held_out.measure("after", trained.model)

    checkpoint = newest(folder)
    if checkpoint is None or load(trained, checkpoint) != last:
        raise TrainingError(f"{folder}: no checkpoint of step {last}: delete the folder and run snakemake again")
    progress.forget_after(last)
    steps = progress.lines()
    with replaced(metrics) as aside:
        aside.write_text("".join(json.dumps(step) + "\n" for step in steps), encoding="utf-8")
    # Megatron-Core's .metadata holds an identifier of its own for every save: the weights alone are the artifact.
    saved = [Output.of(path) for path in sorted(checkpoint.iterdir())]
    drew = drawn(spec["data"]["shares"], spec["seed"], spec["data"]["first_sample"], count)
    mixture = realized(spec["data"]["shares"], drew)
    if mixture["largest_deviation"] > mixture["allowed"]:
        warnings.warn(
            f"{phase}/{segment}: the mixture drawn is off by {mixture['largest_deviation']:.2%}", stacklevel=1
        )
    write_receipt(
        receipt,
        "train_segment",
        run,
        key=spec,
        inputs=[Input.receipt(path) for path in (blend_receipt, index_cache, *before)],
        outputs=[*saved, Output.of(metrics)],
        content=digest_json(
            {name: output.sha256 for output in saved if (name := Path(output.path).name) != ".metadata"}
        ),
        facts={
            "phase": phase,
            "segment": segment,
            "checkpoint": str(checkpoint),
            "parameters": sum(parameter.numel() for parameter in trained.model.parameters()),
            "steps": last,
            "tokens": count * length,
            "tokens_seen": spec["steps"]["first_token"] + count * length,
            "loss": {"first": steps[0]["loss"], "last": steps[-1]["loss"]},
            "held_out": held_out.losses,
            "mixture": mixture,
            "ledger": taken_with(earlier["facts"]["ledger"] if earlier else {}, drew, length),
            "layout": {
                "trainer": "cpu",
                "processes": 1,
                "gpus": 0,
                "threads": threads,
                "micro_batch_tokens": micro_batch_tokens,
            },
            "seconds_of_steps": round(sum(step["seconds"] for step in steps), 3),
        },
    )
    lock.close()


class Progress:
    """The steps done so far, one JSON line each; it survives an interruption as far as the checkpoint does."""

    def __init__(self, path: Path, first: int) -> None:
        self.path, self.first = path, first

    def lines(self) -> list[dict[str, Any]]:
        """All steps in order; a torn last line is none."""
        if not self.path.exists():
            return []
        whole = (
            line for line in self.path.read_text(encoding="utf-8").splitlines(keepends=True) if line.endswith("\n")
        )
        return [json.loads(line) for line in whole]

    def forget_after(self, step: int) -> None:
        """Drop what was done after a checkpoint: it will be done again. Raises TrainingError if a step is missing."""
        kept = [line for line in self.lines() if line["step"] < step]
        if [line["step"] for line in kept] != list(range(self.first, step)):
            raise TrainingError(f"{self.path}: does not hold steps {self.first} to {step}: delete {self.path.parent}")
        with replaced(self.path) as aside:
            aside.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")

    def add(self, line: dict[str, Any]) -> None:
        """Append a step."""
        with self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line) + "\n")


class Evaluations:
    """Mean loss per token of each dataset's validation set, before and after, kept over interruptions."""

    def __init__(self, path: Path, samples: dict[str, HeldOutSamples], micro_batch: int) -> None:
        self.path, self.samples, self.micro_batch = path, samples, micro_batch
        self.losses: dict[str, dict[str, float]] = json.loads(path.read_text()) if path.exists() else {}

    def measure(self, when: str, model: Any) -> None:
        """Measure once; an interrupted segment knows already what came before it."""
        if when not in self.losses:
            model.eval()
            with torch.no_grad():
                losses = {name: self._loss(model, data) for name, data in self.samples.items()}
            for name, loss in losses.items():
                if not math.isfinite(loss):
                    raise TrainingError(
                        f"held-out loss of {name} is {loss}: look at the metrics of the steps before it"
                    )
            self.losses[when] = losses
            model.train()
            write_json(self.path, self.losses)

    def _loss(self, model: Any, dataset: HeldOutSamples) -> float:
        every = batches(dataset, 0, len(dataset), self.micro_batch)
        losses = [loss for batch in every for loss in _losses(model, batch).mean(1)]
        return float(torch.stack(losses).mean())


def _held_out(blend: Path, length: int, tokens: int) -> dict[str, HeldOutSamples]:
    """Samples of each validation set of a blend that is long enough for one, by dataset."""
    prefixes = json.loads(blend.read_text(encoding="utf-8"))["valid"][1::2]
    sets = {
        dataset_of(prefix, "valid"): HeldOutSamples(prefix, length, max(1, tokens // length)) for prefix in prefixes
    }
    return {dataset: samples for dataset, samples in sets.items() if len(samples)}


def _locked(folder: Path) -> IO[bytes]:
    """Keep other processes out of a segment's folder for as long as the returned file is open."""
    file = (folder / "lock").open("wb")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise TrainingError(f"{folder}: another process trains here: wait until it ends, or end it") from None
    return file


def _check_pairs(blend: Path) -> None:
    """Raises TrainingError for the first pair of a blend that is not there."""
    for words in json.loads(blend.read_text(encoding="utf-8")).values():
        for prefix in words[1::2]:
            for path in (f"{prefix}.bin", f"{prefix}.idx"):
                if not Path(path).is_file():
                    raise TrainingError(f"{path}: is gone: build it again with `snakemake {path}`")


def _fresh(spec: dict[str, Any]) -> Trained:
    """The model with weights drawn from the seed, and an optimizer that decays matrices only."""
    model = build_model(spec["model"], spec["precision"]).train()
    settings = spec["optimizer"]
    groups: list[dict[str, Any]] = [{"params": [], "wd_mult": 1.0}, {"params": [], "wd_mult": 0.0}]
    for parameter in model.parameters():
        groups[parameter.dim() <= NO_WEIGHT_DECAY_DIMENSIONS]["params"].append(parameter)
    betas = (settings["adam_beta1"], settings["adam_beta2"])
    return Trained(model, torch.optim.AdamW(groups, betas=betas, eps=settings["adam_eps"], fused=True))


def _begin(trained: Trained, earlier: dict[str, Any] | None, first: int) -> int:
    """Continue from the segment before this one, if there is one; returns the steps done."""
    if earlier is None:
        return 0
    checkpoint = Path(earlier["facts"]["checkpoint"])
    place = f"results/checkpoints/*/{earlier['facts']['phase']}/{earlier['facts']['segment']}"
    if not checkpoint.is_dir():
        raise TrainingError(f"{checkpoint}: the weights are gone: delete {place}/receipt.json and run snakemake again")
    step = load(trained, checkpoint)
    if step != first:
        raise TrainingError(f"{checkpoint}: holds step {step}, this segment begins at step {first}")
    return step


def _train_step(
    trained: Trained, spec: dict[str, Any], step: int, samples: TrainSamples, micro_batch: int
) -> dict[str, Any]:
    """One optimizer step; step counts from the beginning of training. Returns its line of metrics."""
    began = time.perf_counter()
    size, length = spec["batch"]["global_batch_size"], spec["batch"]["sequence_length"]
    within = step - spec["steps"]["first"]
    token = spec["steps"]["first_token"] + within * size * length
    rate = _set_rate(trained.optimizer, spec, token)
    trained.optimizer.zero_grad()
    total = 0.0
    for batch in batches(samples, within * size, size, micro_batch):
        part = len(batch.tokens) / size
        MoEAuxLossAutoScaler.set_loss_scale(torch.tensor(part))
        loss = _losses(trained.model, batch).mean() * part
        loss.backward()
        total += loss.item()
    if not math.isfinite(total):
        raise TrainingError(
            f"step {step}: the loss is {total}: look at the metrics before it, then at the batch itself"
        )
    clip = spec["optimizer"]["clip_grad"] or float("inf")
    norm = torch.nn.utils.clip_grad_norm_(trained.model.parameters(), clip)
    trained.optimizer.step()
    _update_router_expert_bias([trained.model], trained.model.config)
    reset_model_temporary_tensors(trained.model.config, [trained.model])
    return {
        "step": step,
        "tokens": token + size * length,
        "loss": round(total, 6),
        "learning_rate": rate,
        "grad_norm": round(float(norm), 6),
        "seconds": round(time.perf_counter() - began, 4),
    }


def _losses(model: Any, batch: Batch) -> torch.Tensor:
    """Cross-entropy of every token, shape [sequences, length]."""
    losses: torch.Tensor = model(batch.tokens, None, causal_mask(batch.tokens.shape[1]), labels=batch.labels)
    return losses


def _set_rate(optimizer: torch.optim.Optimizer, spec: dict[str, Any], token: int) -> float:
    """
    Learning rate and weight decay at a token, by Megatron-Core's scheduler with tokens for its steps.

    The scheduler has no memory: its state is the number of tokens.
    """
    rate, decay = spec["learning_rate"], spec["optimizer"]["weight_decay"]
    fall = rate.get("decay")
    peak = rate.get("constant", rate.get("peak"))
    scheduler = OptimizerParamScheduler(
        optimizer,
        init_lr=0.0,
        max_lr=peak,
        min_lr=fall["floor"] if fall else 0.0,
        lr_warmup_steps=rate.get("warmup_tokens", 0),
        lr_decay_steps=fall["from_token"] + fall["tokens"] if fall else 1 + rate.get("warmup_tokens", 0),
        lr_decay_style="WSD" if fall else "constant",
        start_wd=decay,
        end_wd=decay,
        wd_incr_steps=0,
        wd_incr_style="constant",
        wsd_decay_steps=fall["tokens"] if fall else None,
        lr_wsd_decay_style=fall["style"] if fall else None,
    )
    scheduler.step(token)
    return float(optimizer.param_groups[0]["lr"])
