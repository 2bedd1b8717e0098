"""Validation losses: means over whole validation sets, measured once and kept."""

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from nano3.training.attempts import TrainingError
from nano3.training.cpu.process_group import init_process_group
from nano3.training.cpu.validation import ValidationLosses
from nano3.training.samples import MicroBatch, ValidationSamples, validation_sets
from tests.training.conftest import LENGTH, Corpus

TOKENS = 5 * LENGTH


@pytest.fixture
def samples(corpus: Corpus) -> dict[str, ValidationSamples]:
    init_process_group(0)
    return validation_sets(corpus.blend, LENGTH, TOKENS).samples


def labels(_model: Any, batch: MicroBatch) -> torch.Tensor:
    """A loss that anyone can check: the number of the token to predict."""
    assert not torch.is_grad_enabled()
    return batch.labels.float()


@pytest.mark.parametrize("micro_batch", [1, 2, 100])
def test_a_loss_is_the_mean_over_all_tokens_of_its_set(
    samples: dict[str, ValidationSamples], tmp_path: Path, micro_batch: int
) -> None:
    validation, model = ValidationLosses(tmp_path / "v.json", samples, micro_batch, labels), torch.nn.Linear(1, 1)
    validation.measure("before", model)
    for name, data in samples.items():
        tokens = [int(token) for number in range(len(data)) for token in data[number]["labels"]]
        assert len(tokens) == TOKENS
        assert validation.losses["before"][name] == pytest.approx(sum(tokens) / TOKENS)
    assert model.training, "the model trains again"


def test_what_was_measured_before_an_interruption_is_not_measured_again(
    samples: dict[str, ValidationSamples], tmp_path: Path
) -> None:
    path, model = tmp_path / "v.json", torch.nn.Linear(1, 1)
    ValidationLosses(path, samples, 2, labels).measure("before", model)
    first = json.loads(path.read_text())
    resumed = ValidationLosses(path, samples, 2, lambda model, batch: labels(model, batch) + 1)
    resumed.measure("before", model)
    resumed.measure("after", model)
    assert resumed.losses["before"] == first["before"]
    assert json.loads(path.read_text()) == {
        **first, "after": {name: pytest.approx(loss + 1) for name, loss in first["before"].items()}
    }  # fmt: skip


def test_a_loss_that_is_no_number_is_not_kept(samples: dict[str, ValidationSamples], tmp_path: Path) -> None:
    validation = ValidationLosses(tmp_path / "v.json", samples, 2, lambda *args: labels(*args) * math.nan)
    with pytest.raises(TrainingError, match="validation loss of plain is nan"):
        validation.measure("after", torch.nn.Linear(1, 1))
    assert not (tmp_path / "v.json").exists()
