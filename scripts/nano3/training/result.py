"""The end of a segment: its metrics and its receipt, the same whoever trained it."""

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
    """What a segment is called, the receipts of what it reads, and the files to write when it is done."""

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
    facts: what its trainer says of it. A mixture that is off by more than a draw can be is worth a warning.
    """
    with replaced(place.metrics) as aside:
        aside.write_text("".join(json.dumps(step) + "\n" for step in steps), encoding="utf-8")
    saved = [Output.of(path) for path in sorted(checkpoint.iterdir()) if path.is_file()]
    data, length = spec["data"], spec["batch"]["sequence_length"]
    count = spec["steps"]["count"] * spec["batch"]["global_batch_size"]
    drew = consumed_samples(data["shares"], spec["seed"], data["first_sample"], count)
    mixture = realized(data["shares"], drew)
    if mixture.largest_deviation > mixture.allowed:
        off = f"{mixture.largest_deviation:.2%}"
        warnings.warn(f"{place.phase}/{place.segment}: the mixture drawn is off by {off}", stacklevel=1)
    SegmentReceipt.made(
        run,
        key=spec,
        inputs=[read_receipt(path).as_input(path) for path in (place.blend_receipt, place.index_cache, *place.before)],
        outputs=[*saved, Output.of(place.metrics)],
        content=digest_json({Path(file.path).name: file.sha256 for file in saved if _weights(Path(file.path))}),
        facts=SegmentFacts(
            phase=place.phase,
            segment=place.segment,
            checkpoint=str(checkpoint),
            steps=spec["steps"]["first"] + spec["steps"]["count"],
            tokens=count * length,
            tokens_seen=spec["steps"]["first_token"] + count * length,
            loss=LossRange(steps[0]["loss"], steps[-1]["loss"]),
            mixture=mixture,
            ledger=consumed_with(earlier.facts.ledger if earlier else {}, drew, length),
            seconds_of_steps=round(sum(step["seconds"] for step in steps), 3),
            **facts,
        ),
    ).write(place.receipt)


def _weights(file: Path) -> bool:
    """Not what differs from one save of the same weights to the next: identifiers, paths, the layout of the run."""
    return file.name not in {".metadata", "run_config.yaml", "train_state.pt"}
