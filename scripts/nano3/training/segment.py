"""Which trainer trains a segment? The one that the layout names."""

from pathlib import Path
from typing import Any

from nano3.artifact.steps import Spec
from nano3.config.recipe import Layout
from nano3.training.result import SegmentFiles


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

    spec: what to compute, see nano3.training.spec. phase, segment: its names. blend, blend_receipt: the phase's
    mixture. index_cache: receipt of its index cache. before: the receipt of the segment before this one, or nothing.
    receipt, metrics: the files to write, one line of metrics a step. evaluation_tokens: of each dataset's validation
    set. attempt: Snakemake's number of this try. layout: of this phase. The rest does not affect the result. All ranks
    call this with the same arguments.
    """
    phase_layout = Layout.model_validate(layout)
    files = SegmentFiles(phase, segment, blend_receipt, index_cache, before, receipt, metrics)
    if phase_layout.trainer == "bridge":
        from nano3.training.bridge import trainer as bridge

        bridge.train_segment(spec, files, blend, weights, evaluation_tokens, phase_layout, save_interval, attempt)
        return
    from nano3.training.cpu import trainer as cpu

    cpu.train_segment(spec, files, blend, weights, evaluation_tokens, phase_layout, threads, save_interval, attempt)
