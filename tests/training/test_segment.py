"""A segment is trained by the trainer that its layout names, with all that it was given."""

import sys
from dataclasses import fields
from types import ModuleType

import pytest

from nano3.training.result import SegmentTask
from nano3.training.segment import train_segment
from tests.training.conftest import Corpus


@pytest.mark.parametrize("trainer", ["cpu", "bridge"])
def test_the_layouts_trainer_is_given_everything_by_its_own_name(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, trainer: str
) -> None:
    tasks: dict[str, list[SegmentTask]] = {"cpu": [], "bridge": []}
    for name, calls in tasks.items():
        module = ModuleType(name)
        vars(module)["train"] = calls.append
        monkeypatch.setitem(sys.modules, f"nano3.training.{name}.trainer", module)
    layout = {"trainer": trainer, "micro_batch_tokens": 64, "threads": 3, "nodes": 2}
    arguments = corpus.arguments("handed_on", corpus.spec(), layout=layout, threads=5)
    train_segment(**arguments)
    assert {name: len(calls) for name, calls in tasks.items()} == {"cpu": 0, "bridge": 0, trainer: 1}
    [task] = tasks[trainer]
    for field in fields(SegmentTask):
        if field.name != "layout":
            assert getattr(task, field.name) == arguments[field.name], field.name
    assert layout.items() <= task.layout.model_dump().items()
