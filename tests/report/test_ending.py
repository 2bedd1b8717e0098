"""A run ends with what it made: the report with losses and what to type next, or what its targets asked for."""

import json
from pathlib import Path
from typing import Any

import pytest

from nano3.config.load import Settings, read_settings
from nano3.report.ending import choice_words, ending
from tests.graph.conftest import rewrite, tiny, tiny_house, tiny_original  # noqa: F401  fixtures

pytestmark = pytest.mark.usefixtures("tiny_house")
ALL = {"tokenize_shard": 12, "train_segment": 6, "write_report": 1, "all": 1}


def settings(**more: Any) -> Settings:
    return read_settings({"recipe": "tiny", **more})


def validation(place: tuple[str, str], **losses: dict[str, float]) -> None:
    """As if a segment had measured these."""
    path = tiny().paths.segment(*place)
    facts = json.loads(Path(path).read_text(encoding="utf-8"))["facts"]
    rewrite(path, facts=facts | {"validation": losses})


def test_a_whole_run_names_report_model_losses_and_what_to_type() -> None:
    request = tiny()
    validation(request.places[0], before={"tiny-math": 8.3391, "tiny-code": 8.3}, after={"tiny-math": 6.0})
    validation(request.places[-1], after={"tiny-math": 5.0, "tiny-code": 4.5})
    lines = ending(request, settings(), ALL).splitlines()
    assert lines[:3] == [
        "Report: results/reports/tiny/index.html",
        "Model:  results/exports/tiny/model",
        "Validation loss, before and after training: tiny-math 8.339 -> 5.000, tiny-code 8.300 -> 4.500",
    ]
    assert [line.strip().partition("  ")[0] for line in lines[4:]] == [
        "nano3 trace step 0 --recipe tiny",
        "nano3 compare tiny OTHER",
        "nano3 verify --recipe tiny",
    ]


def test_without_validation_documents_nothing_is_said_of_losses() -> None:
    assert "Validation" not in ending(tiny(), settings(), ALL)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ({"tokenize_shard": 1}, "1 token pair"),
        ({"index_dataset": 2, "tokenize_shard": 3, "all": 1}, "3 token pairs and 2 dataset indexes"),
        (
            {"tokenize_bundle": 2, "write_blend": 1, "train_segment": 6},
            "2 bundles of token pairs, 1 blend and 6 trained segments",
        ),
        ({}, "what was asked for"),
    ],
)
def test_a_run_that_ends_before_the_report_is_told_what_it_made(made: dict[str, int], said: str) -> None:
    told = ending(tiny(), settings(), made)
    assert told == f"Done: {said}. `nano3 plan --recipe tiny` says what is left up to the report"


def test_overrides_are_words_that_a_shell_takes_as_one() -> None:
    chosen = settings(set="train.seed=1 evaluation.tokens=5", sample=20)
    assert choice_words(chosen) == " --recipe tiny --set 'train.seed=1 evaluation.tokens=5' --sample 20"
