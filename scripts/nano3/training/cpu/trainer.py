"""
The CPU trainer: Megatron-Core's data sets, hybrid model, router, scheduler and distributed checkpoints, on one process
or data parallel on several.

Its optimizer is torch's AdamW, because Megatron-Core's own needs CUDA. An interrupted segment resumes from its last
checkpoint with the same losses, because a step depends on nothing but the checkpoint and its own number.
Each rank takes its part of every global batch; how many there are moves the last digits of a loss, as micro-batches do.
"""

import json
import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch

from nano3.artifact.files import write_json
from nano3.artifact.receipt import Run
from nano3.artifact.steps import SegmentReceipt, Spec
from nano3.cluster.preemption import Preempted, Preemption
from nano3.training.attempts import AttemptLog, TrainingError, alone
from nano3.training.cpu.patches import patch_megatron
from nano3.training.cpu.process_group import (
    all_gather,
    broadcast,
    init_process_group,
    rank,
    rank_slice,
    ranks,
)
from nano3.training.metrics import Progress, StepLog
from nano3.training.result import SegmentTask

patch_megatron()

from megatron.core.distributed import DistributedDataParallel, DistributedDataParallelConfig  # noqa: E402
from megatron.core.distributed.finalize_model_grads import finalize_model_grads  # noqa: E402
from megatron.core.transformer.moe.router import MoEAuxLossAutoScaler  # noqa: E402

from nano3.training.cpu.checkpoints import Trained, load, newest, save, steps_of  # noqa: E402
from nano3.training.cpu.model import build_model, causal_mask  # noqa: E402
from nano3.training.cpu.validation import ValidationLosses  # noqa: E402
from nano3.training.lr_scheduler import set_rate  # noqa: E402
from nano3.training.samples import (  # noqa: E402
    MicroBatch,
    TrainSamples,
    batches,
    validation_sets,
)

PACKAGES = ("torch", "megatron-core", "numpy")
NO_WEIGHT_DECAY_DIMENSIONS = 1


def train(task: SegmentTask) -> None:
    """
    Train a segment and leave its weights in the task's folder, in iter_*. All ranks call it alike; the first writes.

    Raises TrainingError if the blend is not the one of the spec, a loss is not a number, or attempts come no further;
    Preempted if it stopped early, with a checkpoint.
    """
    run = Run(PACKAGES)
    task.prepare()
    spec, folder = task.spec, task.folder
    torch.set_num_threads(task.threads)
    init_process_group(spec["seed"])
    first_rank = rank() == 0
    _check_pairs(task.blend)
    preemption = Preemption()
    with preemption.listening(), alone(folder) if first_rank else nullcontext():
        own = broadcast(newest(folder))
        began = steps_of(own) if own else task.first
        attempts = AttemptLog(folder)
        _together(lambda: attempts.refuse(began, task.attempt))
        with attempts.attempt(began, task.attempt, first_rank):
            trained = _fresh(spec)
            samples = TrainSamples(task.blend, task.streams, spec["data"], task.length, task.samples, spec["seed"])
            micro_batch = max(1, task.layout.micro_batch_tokens // task.length)
            sets = validation_sets(task.blend, task.length, task.evaluation_tokens)
            validation = ValidationLosses(task.validation, sets.samples, micro_batch, _losses)
            if first_rank:
                write_json(folder / "spec.json", spec)

            done = _begin(trained, task.earlier, task.first)
            if task.opens_phase:
                validation.measure("before", trained.model)
            if own:
                done = load(trained, own)
            progress = Progress(folder / "progress.jsonl", task.first)
            _train(trained, task, done, samples, micro_batch, progress, preemption)
            validation.measure("after", trained.model)

            checkpoint = broadcast(newest(folder))
            if checkpoint is None or load(trained, checkpoint) != task.last:
                raise TrainingError(
                    f"{folder}: no checkpoint of step {task.last}: delete the folder and run snakemake again"
                )
            if not first_rank:
                return
            progress.forget_after(task.last)
            task.finish(
                run,
                checkpoint,
                progress.lines(),
                ranks=ranks(),
                layout=task.layout.model_dump(mode="json") | {"threads": task.threads},
                attempts=len(attempts.attempts()),
                validation=validation.losses,
                skipped_validation=sets.skipped,
            )


def _train(
    trained: Trained,
    task: SegmentTask,
    done: int,
    samples: TrainSamples,
    micro_batch: int,
    progress: Progress,
    preemption: Preemption,
) -> None:
    """The steps that are not done yet, with a checkpoint at intervals, at the end, and where it has to stop early."""
    if rank() == 0:
        progress.forget_after(done)
    log = StepLog(task.spec)
    for step in range(done, task.last):
        line = _train_step(trained, task.spec, step, samples, micro_batch)
        if rank() == 0:
            progress.add(line)
            log.add(line)
        stop = max(all_gather([preemption.wanted]))
        if stop or (step + 1) % task.save_interval == 0 or step + 1 == task.last:
            save(trained, task.folder, step + 1)
        if stop and step + 1 < task.last:
            raise Preempted(stop, step + 1)


def _together(action: Callable[[], None]) -> None:
    """What the first rank does, and where it is refused, all ranks end; the first one says why."""
    refused: TrainingError | None = None
    if rank() == 0:
        try:
            action()
        except TrainingError as error:
            refused = error
    if broadcast(refused is not None):
        raise refused or SystemExit(1)


def _check_pairs(blend: Path) -> None:
    """Raises TrainingError for the first pair of a blend that is not there."""
    for words in json.loads(blend.read_text(encoding="utf-8")).values():
        for prefix in words[1::2]:
            for path in (f"{prefix}.bin", f"{prefix}.idx"):
                if not Path(path).is_file():
                    raise TrainingError(f"{path}: is gone: build it again with `snakemake {path}`")


def _fresh(spec: Spec) -> Trained:
    """The model with weights drawn from the seed, and an optimizer that decays matrices only."""
    model = build_model(spec["model"], spec["precision"]).train()
    settings = spec["optimizer"]
    groups: list[dict[str, Any]] = [{"params": [], "wd_mult": 1.0}, {"params": [], "wd_mult": 0.0}]
    for parameter in model.parameters():
        groups[parameter.dim() <= NO_WEIGHT_DECAY_DIMENSIONS]["params"].append(parameter)
    betas = (settings["adam_beta1"], settings["adam_beta2"])
    optimizer = torch.optim.AdamW(groups, betas=betas, eps=settings["adam_eps"], fused=True)
    return Trained(model, optimizer, DistributedDataParallel(model.config, DistributedDataParallelConfig(), model))


def _begin(trained: Trained, earlier: SegmentReceipt | None, first: int) -> int:
    """Continue from the segment before this one, if there is one; returns the steps done."""
    if earlier is None:
        return 0
    checkpoint = Path(earlier.facts.checkpoint)
    place = f"results/checkpoints/*/{earlier.facts.phase}/{earlier.facts.segment}"
    if not checkpoint.is_dir():
        raise TrainingError(f"{checkpoint}: the weights are gone: delete {place}/receipt.json and run snakemake again")
    step = load(trained, checkpoint)
    if step != first:
        raise TrainingError(f"{checkpoint}: holds step {step}, this segment begins at step {first}")
    return step


def _train_step(trained: Trained, spec: Spec, step: int, samples: TrainSamples, micro_batch: int) -> dict[str, Any]:
    """One optimizer step; step counts from the beginning of training. Returns its line of metrics."""
    began = time.perf_counter()
    size, length = spec["batch"]["global_batch_size"], spec["batch"]["sequence_length"]
    within = step - spec["steps"]["first"]
    token = spec["steps"]["first_token"] + within * size * length
    rate = set_rate(trained.optimizer, spec, token)
    trained.optimizer.zero_grad()
    trained.parallel.zero_grad_buffer()
    own, shares = rank_slice(size), [0.0]
    for batch in batches(samples, within * size + own.start, len(own), micro_batch):
        part = len(batch.tokens) / size
        # Megatron-Core takes the mean of the ranks' gradients, but these are parts of one: hence times ranks.
        MoEAuxLossAutoScaler.set_loss_scale(torch.tensor(part * ranks()))
        loss = _losses(trained.parallel, batch).mean() * part
        (loss * ranks()).backward()  # type: ignore[no-untyped-call]
        shares.append(loss.item())
    total = sum(all_gather([sum(shares)]))
    if not math.isfinite(total):
        raise TrainingError(
            f"step {step}: the loss is {total}: look at the metrics before it, then at the batch itself"
        )
    finalize_model_grads([trained.parallel])  # sums them over the ranks, and moves the routers' expert bias
    for parameter in trained.model.parameters():
        parameter.grad = parameter.main_grad
    clip = spec["optimizer"]["clip_grad"] or float("inf")
    norm = torch.nn.utils.clip_grad_norm_(trained.model.parameters(), clip)
    trained.optimizer.step()
    return {
        "step": step,
        "tokens": token + size * length,
        "loss": round(total, 6),
        "learning_rate": rate,
        "grad_norm": round(float(norm), 6),
        "seconds": round(time.perf_counter() - began, 4),
    }


def _losses(model: Any, batch: MicroBatch) -> torch.Tensor:
    """Cross-entropy of every token, shape [sequences, length]."""
    losses: torch.Tensor = model(batch.tokens, None, causal_mask(batch.tokens.shape[1]), labels=batch.labels)
    return losses
