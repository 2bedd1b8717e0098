"""A checkpoint is whole or not there, the newest counts, and what is read is what was written."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from nano3.training.cpu import trainer
from nano3.training.cpu.checkpoints import Trained, load, load_model, newest, save
from nano3.training.cpu.model import build_model
from nano3.training.cpu.process_group import init_process_group
from tests.training.conftest import MODEL, Corpus


def fresh(corpus: Corpus, seed: int) -> Trained:
    init_process_group(seed)
    return trainer._fresh(corpus.spec())


def step(trained: Trained) -> None:
    """An optimizer step on gradients that are all 1."""
    for parameter in trained.model.parameters():
        parameter.grad = torch.ones_like(parameter)
    trained.optimizer.step()


def test_model_and_optimizer_go_on_from_a_checkpoint_as_if_never_saved(corpus: Corpus, tmp_path: Path) -> None:
    first = fresh(corpus, 1)
    for _ in range(3):
        step(first)
    checkpoint = save(first, tmp_path, 3)
    second = fresh(corpus, 2)
    assert load(second, checkpoint) == 3
    step(first)
    step(second)
    for mine, other in zip(first.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(mine, other)
    alone = build_model(MODEL, "fp32")
    load_model(alone, save(second, tmp_path, 4))
    assert all(torch.equal(*pair) for pair in zip(alone.parameters(), second.model.parameters(), strict=True))
    assert [path.name for path in tmp_path.iterdir()] == ["iter_0000004"]


def test_a_save_that_fails_leaves_the_checkpoint_before_it(
    corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = fresh(corpus, 1)
    whole = save(trained, tmp_path, 1)

    def torn(_state: object, folder: str, _strategy: object) -> None:
        (Path(folder) / "common.pt").write_text("half")
        raise RuntimeError("the writer failed")

    monkeypatch.setattr("nano3.training.cpu.checkpoints.dist_checkpointing.save", torn)
    with pytest.raises(RuntimeError, match="the writer failed"):
        save(trained, tmp_path, 2)
    assert list(tmp_path.iterdir()) == [whole]
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=0))
    with pytest.raises(OSError, match="No space left on device"):
        save(trained, tmp_path, 2)
    assert newest(tmp_path) == whole


def test_the_newest_checkpoint_has_the_most_steps_and_is_whole(tmp_path: Path) -> None:
    assert newest(tmp_path) is None
    for name in ("iter_9999999", "iter_10000000", ".iter_10000001.part", "iter_latest"):
        (tmp_path / name).mkdir()
    assert newest(tmp_path) == tmp_path / "iter_10000000"
