"""
What is seen to while Megatron-Bridge trains a segment: that it begins where it must, that each step has our learning
rate and a loss, the lines of metrics, and validation losses before and after.
"""

import json
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from megatron.bridge.data.samplers import build_pretraining_data_loader
from megatron.bridge.training.callbacks import Callback, CallbackContext
from megatron.bridge.training.eval import evaluate
from megatron.bridge.training.gpt_step import forward_step
from megatron.core import parallel_state

from nano3.artifact.files import write_json
from nano3.artifact.steps import Spec
from nano3.core.formatting import many
from nano3.training.attempts import TrainingError
from nano3.training.bridge.config import check_settings, finished
from nano3.training.bridge.patches import one_evaluation
from nano3.training.bridge.window import SampleSource
from nano3.training.lr_scheduler import set_rate
from nano3.training.metrics import Progress, StepLog, say


class TrainingCallback(Callback):
    """What a segment's run has to be, step by step, and its line of metrics for each."""

    def __init__(
        self,
        spec: Spec,
        settings: dict[str, Any],
        measured: Path,
        samples: Mapping[str, SampleSource],
        done: int,
        writes: bool,
    ) -> None:
        self.spec, self.settings, self.done, self.writes = spec, settings, done, writes
        self.progress = Progress(measured.parent / "progress.jsonl", spec["steps"]["first"])
        self.measured, self.samples = measured, samples
        self.validation: dict[str, dict[str, float]] = json.loads(measured.read_text()) if measured.exists() else {}
        self.measures_before = False
        self.tokens = spec["batch"]["global_batch_size"] * spec["batch"]["sequence_length"]  # of a step
        self.curve = torch.optim.SGD([{"params": [torch.zeros(1)], "wd_mult": 1.0}], lr=1.0)  # to read our rate off
        self.began, self.rate = 0.0, 0.0
        self.log = StepLog(spec)

    def on_train_start(self, context: CallbackContext) -> None:
        """Everything is built and loaded, nothing is trained yet."""
        check_settings(context.state.cfg, finished(self.settings))
        if context.state.train_state.step != self.done:
            raise TrainingError(
                f"Megatron-Bridge begins at step {context.state.train_state.step} instead of {self.done}: "
                f"it did not load {self.settings['checkpoint.load']}"
            )
        self._take_rates(context)
        if self.writes:
            self.progress.forget_after(self.done)
        if self.measures_before:
            self._measure("before", context)
        self.log = StepLog(self.spec)

    def _take_rates(self, context: CallbackContext) -> None:
        """A checkpoint's optimizer brings the rates of the segment that saved it, and they would go before ours."""
        for group in context.optimizer.param_groups:
            group.update(max_lr=self.settings["optimizer.lr"], min_lr=self.settings["optimizer.min_lr"])
        context.scheduler.step(0)

    def on_train_step_start(self, context: CallbackContext) -> None:
        """The learning rate is that of the step to come. Raises TrainingError if it is not that of our curve."""
        self.began, self.rate = time.perf_counter(), float(context.optimizer.param_groups[0]["lr"])
        within = context.state.train_state.step - self.spec["steps"]["first"]
        ours = set_rate(self.curve, self.spec, self.spec["steps"]["first_token"] + within * self.tokens)
        if not math.isclose(self.rate, ours, rel_tol=1e-6):
            raise TrainingError(f"Megatron-Bridge's learning rate is {self.rate}, where the curve has {ours}")

    def on_train_step_end(self, context: CallbackContext) -> None:
        """Bridge counts the step after this."""
        if not self.writes:
            return
        step, loss = context.state.train_state.step, float(context.loss_dict["lm loss"])
        line = {
            "step": step,
            "tokens": self.spec["steps"]["first_token"] + (step + 1 - self.spec["steps"]["first"]) * self.tokens,
            "loss": round(loss, 6),
            "learning_rate": self.rate,
            "grad_norm": round(float(context.grad_norm), 6),
            "seconds": round(time.perf_counter() - self.began, 4),
        }
        if context.skipped_iter or not math.isfinite(loss):
            raise TrainingError(f"step {step}: the loss is {loss}: look at the metrics before it, then at the batch")
        self.progress.add(line)
        self.log.add(line)

    def on_train_end(self, context: CallbackContext) -> None:
        """All steps are done."""
        self._measure("after", context)

    def _measure(self, when: str, context: CallbackContext) -> None:
        """Validation losses, once; an interrupted segment knows already what came before it."""
        if when in self.validation:
            return
        if self.writes:
            say(f"measures the validation loss of {many(len(self.samples), 'dataset')}")
        losses = {name: _validation_loss(context, data) for name, data in self.samples.items()}
        if not self.writes:
            return
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise TrainingError(f"validation loss of {name} is {loss}: look at the metrics of the steps before it")
        self.validation[when] = losses
        write_json(self.measured, self.validation)


def _validation_loss(context: CallbackContext, dataset: Any) -> float:
    """
    Mean loss per token of a validation set, made up to whole micro-batches of all copies of the model from its start.

    Not a number on ranks that have no losses.
    """
    config, parallel = context.state.cfg, context.state.cfg.data_parallel_size
    together = config.train.micro_batch_size * parallel
    sequences = -(-len(dataset) // together) * together
    rank = torch.distributed.get_rank(group=parallel_state.get_data_parallel_group())
    loader = build_pretraining_data_loader(
        _Repeated(dataset, sequences),
        0,
        "single",
        config.train.micro_batch_size,
        0,
        True,
        data_parallel_rank=rank,
        data_parallel_size=parallel,
    )
    with one_evaluation(config.train, sequences):
        losses, *_ = evaluate(context.state, forward_step, iter(loader), context.model, None, config.model)
    return float(losses["lm loss"]) if losses else math.nan


@dataclass(frozen=True)
class _Repeated:
    """A dataset of which more samples may be asked than it has."""

    dataset: Any
    count: int

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, index: int) -> Any:
        return self.dataset[index % len(self.dataset)]
