"""What does Megatron-Bridge 0.3 do that a segment can't have? Each of these, and what is put in its place."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from megatron.bridge.training import initialize
from megatron.bridge.training.state import TrainState
from megatron.core import datasets

COUNTERS = ("step", "consumed_train_samples", "skipped_train_samples", "consumed_valid_samples")


def patch_bridge() -> None:
    """Let Bridge count as far as the recipe trains, and start from PyPI's Megatron-Core. Call it before pretrain()."""
    count_beyond_int32()
    keep_built_helpers()


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


@contextmanager
def one_evaluation(train: Any, sequences: int) -> Iterator[None]:
    """
    Within it Bridge's evaluate() takes all sequences in one batch. It reads batch and repetitions from the training
    configuration, and gives up half way where the time to stop has come. train: that configuration.
    """
    changed = {"global_batch_size": sequences, "eval_iters": 1, "exit_duration_in_mins": None}
    kept = {name: getattr(train, name) for name in changed}
    vars(train).update(changed)
    try:
        yield
    finally:
        vars(train).update(kept)
