"""
Megatron-Core's distributed checkpoints of model and AdamW.

A folder called iter_* is whole: it is written under another name, by all ranks, and renamed at the end. What some ranks
have written any number can read. Nothing random happens after the weights are drawn (no dropout, the data order is a
function of the seed), so there is no random state to carry.
"""

import errno
import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from megatron.core import dist_checkpointing
from megatron.core.dist_checkpointing.optimizer import (
    get_param_id_to_sharded_param_map,
    optim_state_to_sharding_state,
)
from megatron.core.dist_checkpointing.serialization import get_default_save_sharded_strategy
from megatron.core.dist_checkpointing.strategies.fully_parallel import FullyParallelSaveStrategyWrapper
from megatron.core.distributed import DistributedDataParallel
from megatron.core.models.mamba.mamba_model import MambaModel

from nano3.training.cpu.process_group import barrier, rank, ranks

FULL_BYTES = 2**20  # PyTorch's writer says only that it failed; with less than this left, that is why


@dataclass(frozen=True)
class Trained:
    """A model with its optimizer, and the model as all ranks share its gradients."""

    model: MambaModel
    optimizer: torch.optim.AdamW
    parallel: DistributedDataParallel

    def state(self, step: int) -> dict[str, Any]:
        """Both as Megatron-Core shards them."""
        model = self.model.sharded_state_dict()
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        for parameter in parameters:
            if not self.optimizer.state[parameter]:
                zeros = (torch.zeros_like(parameter) for _ in range(2))
                self.optimizer.state[parameter] = dict(zip(("exp_avg", "exp_avg_sq"), zeros, strict=True))
        optimizer = self.optimizer.state_dict()
        optimizer["state"] = {
            key: {name: value for name, value in state.items() if name != "step"}
            for key, state in optimizer["state"].items()
        }
        optim_state_to_sharding_state(optimizer, get_param_id_to_sharded_param_map(model, iter(parameters)))
        return {"model": model, "optimizer": optimizer, "step": step}


def save(trained: Trained, folder: Path, step: int) -> Path:
    """Write folder/iter_{step}, whole or not at all, and drop earlier ones."""
    final = folder / f"iter_{step:07d}"
    aside = folder / f".{final.name}.part"
    if rank() == 0:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
    barrier()
    try:
        dist_checkpointing.save(trained.state(step), str(aside), _shared_out() if ranks() > 1 else None)
        barrier()
    except BaseException as error:
        free = shutil.disk_usage(folder).free
        shutil.rmtree(aside, ignore_errors=True)  # a full disk needs the room
        if free < FULL_BYTES:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(aside)) from error
        raise
    if rank() == 0:
        shutil.rmtree(final, ignore_errors=True)
        aside.rename(final)
        for other in folder.glob("iter_*"):
            if other != final:
                shutil.rmtree(other)
    barrier()
    return final


def _shared_out() -> Any:
    """All ranks hold the same state; each writes a part of it."""
    return FullyParallelSaveStrategyWrapper(get_default_save_sharded_strategy())


def load(trained: Trained, checkpoint: Path) -> int:
    """Fill model and optimizer from a checkpoint and return the optimizer steps it has seen."""
    state = dist_checkpointing.load(trained.state(0), str(checkpoint))
    step = int(state["step"])
    trained.model.load_state_dict(state["model"])
    for parameter in state["optimizer"]["state"].values():
        parameter["step"] = torch.tensor(float(step))
    trained.optimizer.load_state_dict(state["optimizer"])
    return step


def load_model(model: MambaModel, checkpoint: Path) -> None:
    """Fill a model alone from a checkpoint."""
    state = dist_checkpointing.load({"model": model.sharded_state_dict()}, str(checkpoint))
    model.load_state_dict(state["model"])


def newest(folder: Path) -> Path | None:
    """The checkpoint with the most steps in a folder, if there is one."""
    folders = [path for path in folder.glob("iter_*") if re.fullmatch(r"iter_\d{7,}", path.name)]
    return max(folders, key=steps_of, default=None)


def steps_of(checkpoint: Path) -> int:
    """The optimizer steps that a checkpoint has seen, by its name."""
    return int(checkpoint.name.removeprefix("iter_"))
