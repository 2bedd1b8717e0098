"""Which trainer trains a segment? The one that its layout names, behind one function for both."""

from pathlib import Path
from typing import Any

from nano3.artifact.steps import Spec
from nano3.config.recipe import Layout
from nano3.training.result import SegmentTask


def train_segment(
    spec: Spec,
    phase: str,
    segment: str,
    blend: Path,
    blend_receipt: Path,
    index_cache: Path,
    before: list[Path],
    weights: Path,
    receipt: Path,
    metrics: Path,
    evaluation_tokens: int,
    layout: dict[str, Any],
    threads: int,
    save_interval: int,
    attempt: int,
) -> None:
    """
    Train one segment of a phase and leave its weights in weights/{digest of spec}/iter_*.

    spec: what to compute, see nano3.training.spec. phase, segment: what to call it. blend, blend_receipt: the phase's
    mixture. index_cache: receipt of its index cache. before: the receipt of the segment before this one, or nothing.
    receipt, metrics: the files to write, one line of metrics a step. evaluation_tokens: of each dataset's validation
    set. attempt: which of Snakemake's tries it is. layout: the recipe's, of this phase. The rest lays the work out and
    changes nothing. All ranks call it alike.
    """
    task = SegmentTask(
        spec,
        phase,
        segment,
        blend,
        blend_receipt,
        index_cache,
        before,
        weights,
        receipt,
        metrics,
        evaluation_tokens,
        Layout.model_validate(layout),
        threads,
        save_interval,
        attempt,
    )
    if task.layout.trainer == "bridge":
        from nano3.training.bridge.trainer import train
    else:
        from nano3.training.cpu.trainer import train
    train(task)
