"""
The trainer for GPUs: Megatron-Bridge's pretrain() on all ranks of a layout, from the same spec and to the same receipt.

Each segment is a run of its own that loads the checkpoint before it. Bridge begins at random without a word where it
finds none, and ends with status 0 where it stopped early: so what was loaded and what was saved are checked here.
The last rank writes, because only the last pipeline stage has losses.
"""

import math
import os
import shutil
import time
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import torch
from megatron.bridge.training.config import ConfigContainer, DatasetBuildContext, DatasetProvider
from megatron.bridge.training.gpt_step import forward_step
from megatron.bridge.training.pretrain import pretrain

from nano3.artifact.files import write_json
from nano3.artifact.receipt import Run
from nano3.artifact.steps import SegmentData
from nano3.cluster.preemption import OUT_OF_TIME, Preempted, Preemption
from nano3.config.model import Model
from nano3.config.parallelism import ParallelPlan
from nano3.training.attempts import AttemptLog, TrainingError, alone
from nano3.training.bridge.callback import TrainingCallback
from nano3.training.bridge.config import check_version, configured
from nano3.training.bridge.patches import patch_bridge
from nano3.training.bridge.settings import bridge_settings
from nano3.training.bridge.window import Window
from nano3.training.result import SegmentTask
from nano3.training.samples import TrainSamples, validation_sets

PACKAGES = ("megatron-bridge", "megatron-core", "torch", "transformer-engine", "mamba-ssm", "causal-conv1d", "numpy")
WORKERS = 4  # processes that read samples, for each rank
LAST_WRITTEN = "run_config.yaml"  # what Bridge writes last into a checkpoint
ALONE = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}  # without a launcher


@dataclass
class SegmentProvider(DatasetProvider):
    """
    Bridge's way to a segment's samples: see TrainSamples and Window. As it is part of Bridge's configuration, it is
    made of plain values. folders: of the index cache.
    """

    blend: str = ""
    folders: dict[str, str] = field(default_factory=dict)
    data: SegmentData = field(default_factory=lambda: cast(SegmentData, {}))
    length: int = 0
    before: int = 0
    count: int = 0
    seed: int = 0
    dataloader_type: str = "single"
    num_workers: int = WORKERS
    skip_getting_attention_mask_from_dataset: bool = True

    def build_datasets(self, context: DatasetBuildContext) -> tuple[Window, None, None]:
        """Called on each rank."""
        samples = TrainSamples(Path(self.blend), self.folders, self.data, self.length, self.count, self.seed)
        return Window(samples, self.before, self.count), None, None


def train(task: SegmentTask) -> None:
    """
    Train a segment and leave its weights in the task's folder, in iter_*. Call it on each rank.

    Raises TrainingError if a checkpoint, a setting or a loss is not what it must be, Preempted if it stopped early,
    with a checkpoint.
    """
    run = Run(PACKAGES)
    check_version()
    task.prepare()
    spec, folder, layout = task.spec, task.folder, task.layout
    rank = int(os.environ.get("RANK", "0"))
    first_rank, last_rank = rank == 0, rank == layout.processes - 1
    batch = spec["batch"]["global_batch_size"]
    parallel_plan = ParallelPlan(layout, Model(**spec["model"]), batch, task.length, layout.processes)
    preemption, attempts = Preemption(), AttemptLog(folder)
    with alone(folder) if first_rank else nullcontext():
        own = newest_whole(folder)
        start = own or (Path(task.earlier.facts.checkpoint) if task.earlier else None)
        done, seen = counters(start) if start else (0, 0)
        before = seen - (done - task.first) * batch
        if own is None and done != task.first:
            raise TrainingError(f"{start}: holds step {done}, this segment begins at step {task.first}")
        if first_rank:  # others might see what it enters next
            attempts.refuse(done, task.attempt)
        with attempts.attempt(done, task.attempt, first_rank):
            if first_rank:
                write_json(folder / "spec.json", spec)
                _drop_torn(folder)
            settings = bridge_settings(
                spec,
                parallel_plan,
                samples_before=before,
                folder=folder,
                checkpoint=start,
                save_interval=task.save_interval,
                stop_minutes=_minutes_to(preemption.stop_at),
            )
            data = SegmentProvider(
                blend=str(task.blend),
                folders=task.streams,
                data=spec["data"],
                length=task.length,
                before=before,
                count=task.samples,
                seed=spec["seed"],
            )
            sets = validation_sets(task.blend, task.length, task.evaluation_tokens)
            callback = TrainingCallback(spec, settings, task.validation, sets.samples, done, last_rank)
            callback.measures_before = task.opens_phase
            _pretrain(configured(settings, data), callback, preemption, folder, task.last)
            if not last_rank:
                return
            checkpoint = newest_whole(folder)
            if checkpoint is None or counters(checkpoint) != (task.last, before + task.samples):
                raise TrainingError(f"{folder}: no whole checkpoint of step {task.last}: run snakemake again")
            task.finish(
                run,
                checkpoint,
                callback.progress.lines(),
                ranks=layout.processes,
                gpus=layout.processes,
                layout=layout.model_dump(mode="json"),
                attempts=len(attempts.attempts()),
                validation=callback.validation,
                skipped_validation=sets.skipped,
            )


def newest_whole(folder: Path) -> Path | None:
    """The whole checkpoint with the most steps in a folder, if there is one."""
    folders = [path for path in folder.glob("iter_*") if (path / LAST_WRITTEN).is_file()]
    return max(folders, key=lambda path: path.name, default=None)


def counters(checkpoint: Path) -> tuple[int, int]:
    """Steps and samples that a checkpoint of Bridge has seen. Raises TrainingError if there is none."""
    try:
        state = torch.load(checkpoint / "train_state.pt", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(
            f"{checkpoint}: not a checkpoint of Megatron-Bridge, or it is gone: train its segment again with "
            "layout.trainer bridge (delete the segment's receipt and run snakemake)"
        ) from None
    return int(state["step"]), int(state["consumed_train_samples"])


def _pretrain(
    config: ConfigContainer, callback: TrainingCallback, preemption: Preemption, folder: Path, last: int
) -> None:
    """Run Bridge to the segment's end. Raises Preempted if it was told to stop before."""
    patch_bridge()
    for name, value in ALONE.items():
        os.environ.setdefault(name, value)
    try:
        pretrain(config, forward_step, callbacks=[callback])
    except SystemExit as end:
        checkpoint = newest_whole(folder)
        step = counters(checkpoint)[0] if checkpoint else callback.done
        if end.code or step >= last:
            raise
        if step == callback.done:
            raise TrainingError(
                f"Megatron-Bridge ended with status 0 at step {step}, before it trained: see its last lines"
            ) from None
        late = time.time() >= preemption.stop_at
        raise Preempted(OUT_OF_TIME if late else 128 + int(config.train.exit_signal), step) from None


def _drop_torn(folder: Path) -> None:
    for path in folder.glob("iter_*"):
        if not (path / LAST_WRITTEN).is_file():
            shutil.rmtree(path)


def _minutes_to(moment: float) -> float | None:
    """Minutes from now; Bridge takes 0 for never."""
    return None if math.isinf(moment) else max(1e-3, (moment - time.time()) / 60)
