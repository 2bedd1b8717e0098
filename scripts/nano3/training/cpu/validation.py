"""Loss on held-out documents: of each dataset's validation set, before a phase and after a segment."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nano3.artifact.files import write_json
from nano3.core.formatting import many
from nano3.training.attempts import TrainingError
from nano3.training.cpu.process_group import all_gather, broadcast, rank, rank_slice
from nano3.training.metrics import say
from nano3.training.samples import MicroBatch, ValidationSamples, batches

Losses = Callable[[Any, MicroBatch], torch.Tensor]


class ValidationLosses:
    """Mean loss per token of each dataset's validation set, before and after, kept over interruptions."""

    def __init__(self, path: Path, samples: dict[str, ValidationSamples], micro_batch: int, losses_of: Losses) -> None:
        self.path, self.samples, self.micro_batch, self.losses_of = path, samples, micro_batch, losses_of
        known = json.loads(path.read_text()) if rank() == 0 and path.exists() else {}
        self.losses: dict[str, dict[str, float]] = broadcast(known)

    def measure(self, when: str, model: Any) -> None:
        """Measure once; an interrupted segment knows already what came before it."""
        if when in self.losses:
            return
        if rank() == 0:
            say(f"measures the validation loss of {many(len(self.samples), 'dataset')}")
        model.eval()
        with torch.no_grad():
            losses = {name: self._loss(model, data) for name, data in self.samples.items()}
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise TrainingError(f"validation loss of {name} is {loss}: look at the metrics of the steps before it")
        self.losses[when] = losses
        model.train()
        if rank() == 0:
            write_json(self.path, self.losses)

    def _loss(self, model: Any, dataset: ValidationSamples) -> float:
        own = rank_slice(len(dataset))
        losses = [
            float(loss)
            for batch in batches(dataset, own.start, len(own), self.micro_batch)
            for loss in self.losses_of(model, batch).mean(1)
        ]
        return float(torch.tensor(all_gather(losses)).mean())
