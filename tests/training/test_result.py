"""What both trainers ask of a segment's task and leave in its receipt."""

from pathlib import Path
from typing import Any

import pytest

from nano3.artifact.receipt import Run
from nano3.artifact.steps import SegmentReceipt, read_receipt
from nano3.config.recipe import Layout
from nano3.sampling.streams import tokens_of
from nano3.training.attempts import TrainingError
from nano3.training.result import SegmentTask
from nano3.training.segment import train_segment
from tests.training.conftest import BATCH, LENGTH, Corpus, trained


def test_another_blend_than_planned_is_refused(corpus: Corpus) -> None:
    spec = corpus.spec()
    other = spec | {"data": spec["data"] | {"blend": "0" * 64}}
    arguments = corpus.arguments("refused", other, index_cache=corpus.indexed(spec))
    with pytest.raises(TrainingError, match="changed since the segment was planned"):
        train_segment(**arguments)


@pytest.mark.slow
def test_weights_trained_again_are_the_same_artifact(corpus: Corpus) -> None:
    contents = [trained(corpus.arguments(name, corpus.spec(steps=3)))["content"] for name in ("once", "twice")]
    assert contents[0] == contents[1]


def task_of(corpus: Corpus, name: str, **changes: Any) -> SegmentTask:
    arguments = corpus.arguments(name, corpus.spec(steps=2), **changes)
    return SegmentTask(**arguments | {"layout": Layout.model_validate(arguments["layout"])})


def receipt_of(task: SegmentTask, **files: str) -> SegmentReceipt:
    """The task's receipt, with these files as its checkpoint."""
    checkpoint = task.folder / "iter_0000002"
    checkpoint.mkdir(parents=True, exist_ok=True)
    for name, text in files.items():
        (checkpoint / name).write_text(text)
    steps = [{"step": step, "loss": 2.0 - step, "seconds": 0.25} for step in range(2)]
    task.finish(Run(), checkpoint, steps, validation={})
    return read_receipt(task.receipt, SegmentReceipt)


def test_a_checkpoints_content_is_that_of_its_weights_and_all_its_files_are_listed(corpus: Corpus) -> None:
    task = task_of(corpus, "content")
    first = receipt_of(task, **{"common.pt": "weights", ".metadata": "one", "train_state.pt": "one"})
    names = {Path(output.path).name for output in first.outputs}
    assert names == {"common.pt", ".metadata", "train_state.pt", "metrics.jsonl"}
    assert receipt_of(task, **{".metadata": "two", "train_state.pt": "two"}).content == first.content
    assert receipt_of(task, **{"common.pt": "other weights"}).content != first.content


def test_a_receipt_goes_on_with_the_ledger_of_the_segment_before_it(corpus: Corpus) -> None:
    first = task_of(corpus, "ledger")
    facts = receipt_of(first, **{"common.pt": ""}).facts
    assert (facts.loss.first, facts.loss.last, facts.seconds_of_steps) == (2.0, 1.0, 0.5)
    assert facts.tokens == facts.tokens_seen == 2 * BATCH * LENGTH
    assert sum(tokens_of(consumed) for consumed in facts.ledger.values()) == facts.tokens
    second = receipt_of(task_of(corpus, "ledger_after", before=[first.receipt]), **{"common.pt": ""})
    assert sum(tokens_of(consumed) for consumed in second.facts.ledger.values()) == 2 * facts.tokens
    assert str(first.receipt) in {source.path for source in second.inputs}


def test_a_phase_is_opened_by_its_first_segment(corpus: Corpus) -> None:
    first = task_of(corpus, "opening")
    receipt_of(first, **{"common.pt": ""})
    assert first.opens_phase
    assert not task_of(corpus, "same_phase", before=[first.receipt]).opens_phase
    assert task_of(corpus, "next_phase", before=[first.receipt], phase="phase2").opens_phase
