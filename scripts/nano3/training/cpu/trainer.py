"""
The CPU trainer: Megatron-Core's data sets, hybrid model, router, scheduler and distributed checkpoints, on one process
or data parallel on several.

Its optimizer is torch's AdamW, for Megatron-Core's own needs CUDA. A segment that is interrupted goes on from its
last checkpoint and repeats the same losses, for every step depends on nothing but the checkpoint and its own number.
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

from nano3.artifact.digest import digest_json, short
from nano3.artifact.files import write_json
from nano3.artifact.receipt import Run
from nano3.artifact.steps import IndexCacheReceipt, SegmentReceipt, Spec, read_receipt
from nano3.cluster.preemption import Preempted, Preemption
from nano3.config.model import Model
from nano3.config.parameters import parameters
from nano3.config.recipe import Layout
from nano3.training.attempts import AttemptLog, TrainingError, alone
from nano3.training.cpu.process_group import (
    all_gather,
    broadcast,
    init_process_group,
    rank,
    rank_slice,
    ranks,
    stand_in_for_cuda,
)
from nano3.training.metrics import Progress
from nano3.training.result import SegmentFiles, finish

stand_in_for_cuda()

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
    validation_samples,
)

PACKAGES = ("torch", "megatron-core", "numpy")
NO_WEIGHT_DECAY_DIMENSIONS = 1


def train_segment(
    spec: Spec,
    place: SegmentFiles,
    blend: Path,
    weights: Path,
    evaluation_tokens: int,
    layout: Layout,
    threads: int,
    save_interval: int,
    attempt: int,
) -> None:
    """
    Train one segment of a phase and leave its weights in weights/{digest of spec}/iter_*. All ranks call it alike; the
    first writes.

    spec: what to compute, see nano3.training.spec. evaluation_tokens: of each dataset's validation set. threads: of
    this rank. attempt: which of Snakemake's tries it is. The rest lays the work out and changes nothing. Raises
    TrainingError if the blend is not the one of the spec, a loss is not a number, or attempts come no further;
    Preempted if it stopped early, with a checkpoint.
    """
    run = Run(PACKAGES)
    content = read_receipt(place.blend_receipt).content
    if content != spec["data"]["blend"]:
        raise TrainingError(f"{blend}: changed since the segment was planned: run snakemake again")
    earlier = read_receipt(place.before[0], SegmentReceipt) if place.before else None
    torch.set_num_threads(threads)
    init_process_group(spec["seed"])
    first_rank = rank() == 0

    _check_pairs(blend)
    preemption = Preemption()
    folder = weights / short(digest_json(spec))
    folder.mkdir(parents=True, exist_ok=True)
    with preemption.listening(), alone(folder) if first_rank else nullcontext():
        own = broadcast(newest(folder))
        began = steps_of(own) if own else spec["steps"]["first"]
        attempts = AttemptLog(folder)
        _together(lambda: attempts.refuse(began, attempt))
        with attempts.attempt(began, attempt, first_rank):
            trained = _fresh(spec)
            length = spec["batch"]["sequence_length"]
            count = spec["steps"]["count"] * spec["batch"]["global_batch_size"]
            folders = read_receipt(place.index_cache, IndexCacheReceipt).facts.folders
            samples = TrainSamples(blend, folders, spec["data"], length, count, spec["seed"])
            micro_batch = max(1, layout.micro_batch_tokens // length)
            measured = folder / f"validation_{evaluation_tokens}.json"
            validation = ValidationLosses(
                measured, validation_samples(blend, length, evaluation_tokens), micro_batch, _losses
            )
            if first_rank:
                write_json(folder / "spec.json", spec)

            done = _begin(trained, earlier, spec["steps"]["first"])
            if earlier is None or earlier.facts.phase != place.phase:
                validation.measure("before", trained.model)
            if own:
                done = load(trained, own)
            progress = Progress(folder / "progress.jsonl", spec["steps"]["first"])
            _train(trained, spec, done, samples, micro_batch, progress, folder, save_interval, preemption)
            validation.measure("after", trained.model)

            last = spec["steps"]["first"] + spec["steps"]["count"]
            checkpoint = broadcast(newest(folder))
            if checkpoint is None or load(trained, checkpoint) != last:
                raise TrainingError(
                    f"{folder}: no checkpoint of step {last}: delete the folder and run snakemake again"
                )
            if not first_rank:
                return
            progress.forget_after(last)
            finish(
                run,
                place,
                spec,
                checkpoint,
                progress.lines(),
                earlier,
                parameters=parameters(Model.model_validate(spec["model"])).total,
                ranks=ranks(),
                layout=layout.model_dump(mode="json") | {"threads": threads},
                attempts=len(attempts.attempts()),
                validation=validation.losses,
            )


def _train(
    trained: Trained,
    spec: Spec,
    done: int,
    samples: TrainSamples,
    micro_batch: int,
    progress: Progress,
    folder: Path,
    save_interval: int,
    preemption: Preemption,
) -> None:
    """The steps that are not done yet, with a checkpoint at intervals, at the end, and where it has to stop early."""
    if rank() == 0:
        progress.forget_after(done)
    last = spec["steps"]["first"] + spec["steps"]["count"]
    for step in range(done, last):
        line = _train_step(trained, spec, step, samples, micro_batch)
        if rank() == 0:
            progress.add(line)
        stop = max(all_gather([preemption.wanted]))
        if stop or (step + 1) % save_interval == 0 or step + 1 == last:
            save(trained, folder, step + 1)
        if stop and step + 1 < last:
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
