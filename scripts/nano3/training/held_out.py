"""Loss on held-out documents: of each dataset's validation set, before a phase and after a segment."""

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from nano3.prefixes import dataset_of
from nano3.receipt import write_json
from nano3.training import TrainingError
from nano3.training.data import Batch, HeldOutSamples, batches
from nano3.training.process import as_first_rank_says, gathered, own_part, rank

Losses = Callable[[Any, Batch], torch.Tensor]


def held_out_samples(blend: Path, length: int, tokens: int) -> dict[str, HeldOutSamples]:
    """Samples of each validation set of a blend that is long enough for one, by dataset."""
    prefixes = json.loads(blend.read_text(encoding="utf-8"))["valid"][1::2]
    sets = {
        dataset_of(prefix, "valid"): HeldOutSamples(prefix, length, max(1, tokens // length)) for prefix in prefixes
    }
    return {dataset: samples for dataset, samples in sets.items() if len(samples)}


class Evaluations:
    """Mean loss per token of each dataset's validation set, before and after, kept over interruptions."""

    def __init__(self, path: Path, samples: dict[str, HeldOutSamples], micro_batch: int, losses_of: Losses) -> None:
        self.path, self.samples, self.micro_batch, self.losses_of = path, samples, micro_batch, losses_of
        known = json.loads(path.read_text()) if rank() == 0 and path.exists() else {}
        self.losses: dict[str, dict[str, float]] = as_first_rank_says(known)

    def measure(self, when: str, model: Any) -> None:
        """Measure once; an interrupted segment knows already what came before it."""
        if when in self.losses:
            return
        model.eval()
        with torch.no_grad():
            losses = {name: self._loss(model, data) for name, data in self.samples.items()}
        for name, loss in losses.items():
            if not math.isfinite(loss):
                raise TrainingError(f"held-out loss of {name} is {loss}: look at the metrics of the steps before it")
        self.losses[when] = losses
        model.train()
        if rank() == 0:
            write_json(self.path, self.losses)

    def _loss(self, model: Any, dataset: HeldOutSamples) -> float:
        own = own_part(len(dataset))
        losses = [
            float(loss)
            for batch in batches(dataset, own.start, len(own), self.micro_batch)
            for loss in self.losses_of(model, batch).mean(1)
        ]
        return float(torch.tensor(gathered(losses)).mean())
