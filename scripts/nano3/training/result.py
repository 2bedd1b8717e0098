"""What does a segment have to do, and what does it leave? The same for both trainers."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json, short
from nano3.artifact.files import replaced
from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import IndexCacheReceipt, LossRange, SegmentFacts, SegmentReceipt, Spec, read_receipt
from nano3.config.model import Model
from nano3.config.parameters import parameters
from nano3.config.recipe import Layout
from nano3.sampling.sampler import consumed_samples, consumed_with, realized
from nano3.training.attempts import TrainingError


@dataclass(frozen=True)
class SegmentTask:
    """
    A segment to train, as nano3.training.segment is given it. The same for all ranks.

    layout, threads, save_interval, attempt: how the work is laid out; they change nothing of the result.
    """

    spec: Spec
    phase: str
    segment: str
    blend: Path
    blend_receipt: Path
    index_cache: Path
    before: list[Path]
    weights: Path
    receipt: Path
    metrics: Path
    evaluation_tokens: int
    layout: Layout
    threads: int
    save_interval: int
    attempt: int

    @property
    def folder(self) -> Path:
        """Where its checkpoints lie."""
        return self.weights / short(digest_json(self.spec))

    @property
    def validation(self) -> Path:
        """Where its validation losses are kept."""
        return self.folder / f"validation_{self.evaluation_tokens}.json"

    @property
    def first(self) -> int:
        """Its first step, counted from the beginning of training."""
        return self.spec["steps"]["first"]

    @property
    def last(self) -> int:
        """The step that it ends with."""
        return self.first + self.spec["steps"]["count"]

    @property
    def samples(self) -> int:
        """How many it trains on."""
        return self.spec["steps"]["count"] * self.spec["batch"]["global_batch_size"]

    @property
    def length(self) -> int:
        """Tokens of a sample."""
        return self.spec["batch"]["sequence_length"]

    @cached_property
    def earlier(self) -> SegmentReceipt | None:
        """The receipt of the segment before it, if there is one."""
        return read_receipt(self.before[0], SegmentReceipt) if self.before else None

    @property
    def opens_phase(self) -> bool:
        """Whether it is its phase's first."""
        return self.earlier is None or self.earlier.facts.phase != self.phase

    @cached_property
    def streams(self) -> dict[str, str]:
        """The folders of its index cache."""
        return read_receipt(self.index_cache, IndexCacheReceipt).facts.folders

    def prepare(self) -> None:
        """Make its folder. Raises TrainingError if the blend is not the one of the spec."""
        if read_receipt(self.blend_receipt).content != self.spec["data"]["blend"]:
            raise TrainingError(f"{self.blend}: changed since the segment was planned: run snakemake again")
        self.folder.mkdir(parents=True, exist_ok=True)

    def finish(self, run: Run, checkpoint: Path, steps: Sequence[Mapping[str, Any]], **facts: Any) -> None:
        """
        Write its metrics and, last, its receipt.

        checkpoint: its weights. steps: a line of metrics each. facts: from its trainer. Warns if the
        mixture deviates by more than rounding explains.
        """
        with replaced(self.metrics) as aside:
            aside.write_text("".join(json.dumps(step) + "\n" for step in steps), encoding="utf-8")
        saved = [Output.of(path) for path in sorted(checkpoint.iterdir()) if path.is_file()]
        data = self.spec["data"]
        consumed = consumed_samples(data["shares"], self.spec["seed"], data["first_sample"], self.samples)
        mixture = realized(data["shares"], consumed)
        if mixture.largest_deviation > mixture.allowed:
            off = f"{mixture.largest_deviation:.2%}"
            warnings.warn(f"{self.phase}/{self.segment}: the consumed mixture is off its target by {off}", stacklevel=1)
        inputs = (self.blend_receipt, self.index_cache, *self.before)
        tokens = self.samples * self.length
        SegmentReceipt.made(
            run,
            key=self.spec,
            inputs=[read_receipt(path).as_input(path) for path in inputs],
            outputs=[*saved, Output.of(self.metrics)],
            content=digest_json({Path(file.path).name: file.sha256 for file in saved if _weights(Path(file.path))}),
            facts=SegmentFacts(
                phase=self.phase,
                segment=self.segment,
                checkpoint=str(checkpoint),
                steps=self.last,
                tokens=tokens,
                tokens_seen=self.spec["steps"]["first_token"] + tokens,
                loss=LossRange(steps[0]["loss"], steps[-1]["loss"]),
                mixture=mixture,
                ledger=consumed_with(self.earlier.facts.ledger if self.earlier else {}, consumed, self.length),
                seconds_of_steps=round(sum(step["seconds"] for step in steps), 3),
                parameters=parameters(Model.model_validate(self.spec["model"])).total,
                evaluation_tokens=self.evaluation_tokens,
                **facts,
            ),
        ).write(self.receipt)


def _weights(file: Path) -> bool:
    """Not what differs from one save of the same weights to the next: identifiers, paths, the layout of the run."""
    return file.name not in {".metadata", "run_config.yaml", "train_state.pt"}
