"""The end of a segment: its metrics and its receipt, the same whoever trained it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nano3.blend import normalized
from nano3.digest import digest_json
from nano3.receipt import Input, Output, Run, read_receipt, replaced, write_receipt


@dataclass(frozen=True)
class Place:
    """What a segment is called, what it reads, and the files to write when it is done."""

    phase: str
    segment: str
    blend_receipt: Path
    before: list[Path]
    receipt: Path
    metrics: Path


def finish(
    run: Run,
    place: Place,
    spec: Mapping[str, Any],
    checkpoint: Path,
    steps: Sequence[Mapping[str, Any]],
    held_out: Mapping[str, Mapping[str, float]],
    drawn: Mapping[str, int],
    **facts: Any,
) -> None:
    """
    Write a segment's metrics and, last, its receipt.

    checkpoint: its weights. steps: a line of metrics each. held_out: losses by dataset, before and after. drawn:
    samples of each dataset. facts: what else is to be said of it.
    """
    with replaced(place.metrics) as aside:
        aside.write_text("".join(json.dumps(step) + "\n" for step in steps), encoding="utf-8")
    saved = [Output.of(path) for path in sorted(checkpoint.iterdir()) if path.is_file()]
    tokens = spec["steps"]["count"] * spec["batch"]["global_batch_size"] * spec["batch"]["sequence_length"]
    write_receipt(
        place.receipt,
        "train_segment",
        run,
        key=spec,
        inputs=[Input.receipt(path) for path in (place.blend_receipt, *place.before)],
        outputs=[*saved, Output.of(place.metrics)],
        content=digest_json({Path(file.path).name: file.sha256 for file in saved if _weights(Path(file.path))}),
        facts={
            "phase": place.phase,
            "segment": place.segment,
            "checkpoint": str(checkpoint),
            "steps": spec["steps"]["first"] + spec["steps"]["count"],
            "tokens": tokens,
            "tokens_seen": spec["steps"]["first_token"] + tokens,
            "loss": {"first": steps[0]["loss"], "last": steps[-1]["loss"]},
            "held_out": held_out,
            "mixture": {
                "target": normalized(read_receipt(place.blend_receipt)["key"]["mixture"]),
                "samples": drawn,
            },
            "seconds_of_steps": round(sum(step["seconds"] for step in steps), 3),
            **facts,
        },
    )


def _weights(file: Path) -> bool:
    """Not what differs from one save of the same weights to the next: identifiers, paths, the layout of the run."""
    return file.name not in {".metadata", "run_config.yaml", "train_state.pt"}
