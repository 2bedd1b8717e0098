"""
The trainer for GPUs: Megatron-Bridge's pretrain() on all ranks of a layout, from the same spec and to the same receipt.

Each segment is a run of its own that loads the checkpoint before it. Bridge begins at random without a word where it
finds none, and ends with status 0 where it stopped early: so what was loaded and what was saved are checked here.
The last rank writes, for only the last pipeline stage has losses.
"""

import math
import os
import shutil
import time
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import torch
from megatron.bridge.training import initialize
from megatron.bridge.training.config import ConfigContainer, DatasetBuildContext, DatasetProvider
from megatron.bridge.training.gpt_step import forward_step
from megatron.bridge.training.pretrain import pretrain
from megatron.bridge.training.state import TrainState
from megatron.core import datasets

from nano3.artifact.digest import digest_json, short
from nano3.artifact.files import write_json
from nano3.artifact.receipt import Run
from nano3.artifact.steps import IndexCacheReceipt, SegmentData, SegmentReceipt, Spec, read_receipt
from nano3.cluster.preemption import OUT_OF_TIME, Preempted, Preemption
from nano3.config.model import Model
from nano3.config.parallelism import ParallelPlan
from nano3.config.parameters import parameters
from nano3.config.recipe import Layout
from nano3.training.attempts import AttemptLog, TrainingError, alone
from nano3.training.bridge.callback import TrainingCallback
from nano3.training.bridge.config import check_version, configured
from nano3.training.bridge.settings import bridge_settings
from nano3.training.bridge.window import Window
from nano3.training.result import SegmentFiles, finish
from nano3.training.samples import TrainSamples, validation_samples

PACKAGES = ("megatron-bridge", "megatron-core", "torch", "transformer-engine", "mamba-ssm", "causal-conv1d", "numpy")
WORKERS = 4  # processes that read samples, for each rank
LAST_WRITTEN = "run_config.yaml"  # what Bridge writes last into a checkpoint
ALONE = {"RANK": "0", "WORLD_SIZE": "1", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29500"}  # without a launcher
COUNTERS = ("step", "consumed_train_samples", "skipped_train_samples", "consumed_valid_samples")


@dataclass
class SegmentSamples(DatasetProvider):
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


def train_segment(
    spec: Spec,
    place: SegmentFiles,
    blend: Path,
    weights: Path,
    evaluation_tokens: int,
    layout: Layout,
    save_interval: int,
    attempt: int,
) -> None:
    """
    Train one segment of a phase and leave its weights in weights/{digest of spec}/iter_*. Call it on each rank.

    spec: what to compute, see nano3.training.spec. evaluation_tokens: of each dataset's validation set. The rest lays
    the work out and changes nothing. Raises TrainingError if a checkpoint, a setting or a loss is not what it must be,
    Preempted if it stopped early, with a checkpoint.
    """
    run = Run(PACKAGES)
    check_version()
    if read_receipt(place.blend_receipt).content != spec["data"]["blend"]:
        raise TrainingError(f"{blend}: changed since the segment was planned: run snakemake again")
    rank = int(os.environ.get("RANK", "0"))
    first_rank, last_rank = rank == 0, rank == layout.processes - 1
    parallel_plan = ParallelPlan(
        layout,
        Model(**spec["model"]),
        spec["batch"]["global_batch_size"],
        spec["batch"]["sequence_length"],
        layout.processes,
    )
    folder = weights / short(digest_json(spec))
    folder.mkdir(parents=True, exist_ok=True)
    earlier = read_receipt(place.before[0], SegmentReceipt) if place.before else None
    first, count = spec["steps"]["first"], spec["steps"]["count"]
    preemption, attempts = Preemption(), AttemptLog(folder)
    with alone(folder) if first_rank else nullcontext():
        own = newest_whole(folder)
        start = own or (Path(earlier.facts.checkpoint) if earlier else None)
        done, seen = counters(start) if start else (0, 0)
        before = seen - (done - first) * parallel_plan.batch
        if own is None and done != first:
            raise TrainingError(f"{start}: holds step {done}, this segment begins at step {first}")
        if first_rank:  # others might see what it enters next
            attempts.refuse(done, attempt)
        with attempts.attempt(done, attempt, first_rank):
            if first_rank:
                write_json(folder / "spec.json", spec)
                _drop_torn(folder)
            settings = bridge_settings(
                spec,
                parallel_plan,
                samples_before=before,
                folder=folder,
                checkpoint=start,
                save_interval=save_interval,
                stop_minutes=_minutes_to(preemption.stop_at),
            )
            data = SegmentSamples(
                blend=str(blend),
                folders=read_receipt(place.index_cache, IndexCacheReceipt).facts.folders,
                data=spec["data"],
                length=parallel_plan.length,
                before=before,
                count=count * parallel_plan.batch,
                seed=spec["seed"],
            )
            validation = validation_samples(blend, parallel_plan.length, evaluation_tokens)
            callback = TrainingCallback(
                spec, settings, folder / f"validation_{evaluation_tokens}.json", validation, done, last_rank
            )
            callback.measures_before = earlier is None or earlier.facts.phase != place.phase
            _pretrain(configured(settings, data), callback, preemption, folder, first + count)
            if not last_rank:
                return
            checkpoint = newest_whole(folder)
            if checkpoint is None or counters(checkpoint) != (first + count, before + data.count):
                raise TrainingError(f"{folder}: no whole checkpoint of step {first + count}: run snakemake again")
            finish(
                run,
                place,
                spec,
                checkpoint,
                callback.progress.lines(),
                earlier,
                parameters=parameters(Model.model_validate(spec["model"])).total,
                ranks=layout.processes,
                gpus=layout.processes,
                layout=layout.model_dump(mode="json"),
                attempts=len(attempts.attempts()),
                validation=callback.validation,
            )


def newest_whole(folder: Path) -> Path | None:
    """The whole checkpoint with the most steps in a folder, if there is one."""
    found = [path for path in folder.glob("iter_*") if (path / LAST_WRITTEN).is_file()]
    return max(found, key=lambda path: path.name, default=None)


def counters(checkpoint: Path) -> tuple[int, int]:
    """Steps and samples that a checkpoint of Bridge has seen. Raises TrainingError if it is none, or is gone."""
    try:
        state = torch.load(checkpoint / "train_state.pt", weights_only=True)
    except FileNotFoundError:
        raise TrainingError(
            f"{checkpoint}: is no checkpoint of Megatron-Bridge, or it is gone: train its segment again with "
            "layout.trainer bridge (delete the segment's receipt and run snakemake)"
        ) from None
    return int(state["step"]), int(state["consumed_train_samples"])


def count_beyond_int32() -> None:
    """Let Bridge save its counters as 64 bits: 25T tokens in 4,096s are more samples than the 32 bits of 0.3 hold."""
    saved = TrainState.state_dict

    def state_dict(self: Any) -> dict[str, Any]:
        small: dict[str, Any] = saved(replace(self, **dict.fromkeys(COUNTERS, 0)))
        return small | {name: torch.tensor(getattr(self, name), dtype=torch.int64) for name in COUNTERS}

    TrainState.state_dict = state_dict


def keep_built_helpers() -> None:
    """PyPI's megatron-core has its C++ helpers built, and no Makefile; Bridge would call make and end the process."""
    if not (Path(datasets.__path__[0]) / "Makefile").exists():
        initialize.compile_helpers = lambda: None


def _pretrain(
    config: ConfigContainer, callback: TrainingCallback, preemption: Preemption, folder: Path, last: int
) -> None:
    """Run Bridge to the segment's end. Raises Preempted if it was told to stop before."""
    count_beyond_int32()
    keep_built_helpers()
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
