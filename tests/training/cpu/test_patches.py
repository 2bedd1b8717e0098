"""Megatron-Core saves on this machine, and leaves nothing behind."""

from pathlib import Path

import psutil

from nano3.training.cpu import trainer
from nano3.training.cpu.checkpoints import save
from nano3.training.cpu.process_group import init_process_group
from tests.training.conftest import Corpus


def test_a_save_starts_no_process_that_outlives_it(corpus: Corpus, tmp_path: Path) -> None:
    init_process_group(0)
    before = psutil.Process().children(recursive=True)
    save(trainer._fresh(corpus.spec()), tmp_path, 1)
    assert psutil.Process().children(recursive=True) == before
