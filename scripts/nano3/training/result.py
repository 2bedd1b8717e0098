"""What does a finished segment leave? Its metrics and its receipt, the same for every trainer."""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json
from nano3.artifact.files import replaced
from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import LossRange, SegmentFacts, SegmentReceipt, Spec, read_receipt
from nano3.sampling.sampler import consumed_samples, consumed_with, realized


@dataclass(frozen=True)
class SegmentFiles:
    """A segment's names, the receipts of its inputs, and the files to write at its end."""

    phase: str
    segment: str
    blend_receipt: Path
    index_cache: Path
    before: list[Path]
    receipt: Path
    metrics: Path


def finish(
    run: Run,
    place: SegmentFiles,
    spec: Spec,
    checkpoint: Path,
    steps: Sequence[Mapping[str, Any]],
    earlier: SegmentReceipt | None,
    **facts: Any,
) -> None:
    """
    Write a segment's metrics and, last, its receipt.

    checkpoint: its weights. steps: a line of metrics each. earlier: receipt of the segment before, if there is one.
    facts: from its trainer. Warns if the mixture deviates by more than rounding explains.
    """
    with replaced(place.metrics) as aside:
        aside.write_text("".join(json.dumps(step) + "\n" for step in steps), encoding="utf-8")
    files = [Output.of(path) for path in sorted(checkpoint.iterdir()) if path.is_file()]
    data, length = spec["data"], spec["batch"]["sequence_length"]
    count = spec["steps"]["count"] * spec["batch"]["global_batch_size"]
    samples = consumed_samples(data["shares"], spec["seed"], data["first_sample"], count)
    mixture = realized(data["shares"], samples)
    if mixture.largest_deviation > mixture.allowed:
        deviation = f"{mixture.largest_deviation:.2%}"
        warnings.warn(
            f"{place.phase}/{place.segment}: the consumed mixture is off its target by {deviation}", stacklevel=1
        )
    SegmentReceipt.made(
        run,
        key=spec,
        inputs=[read_receipt(path).as_input(path) for path in (place.blend_receipt, place.index_cache, *place.before)],
        outputs=[*files, Output.of(place.metrics)],
        content=digest_json({Path(file.path).name: file.sha256 for file in files if _weights(Path(file.path))}),
        facts=SegmentFacts(
            phase=place.phase,
            segment=place.segment,
            checkpoint=str(checkpoint),
            steps=spec["steps"]["first"] + spec["steps"]["count"],
            tokens=count * length,
            tokens_seen=spec["steps"]["first_token"] + count * length,
            loss=LossRange(steps[0]["loss"], steps[-1]["loss"]),
            mixture=mixture,
            ledger=consumed_with(earlier.facts.ledger if earlier else {}, samples, length),
            seconds_of_steps=round(sum(step["seconds"] for step in steps), 3),
            **facts,
        ),
    ).write(place.receipt)


def _weights(file: Path) -> bool:
    """False for files that differ between saves of the same weights: they hold identifiers, paths or the layout."""
    return file.name not in {".metadata", "run_config.yaml", "train_state.pt"}
