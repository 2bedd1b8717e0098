"""What each phase reads of each dataset, before anything runs."""

from pathlib import Path

import pytest

from nano3.config.load import load_recipe
from nano3.graph.request import Request
from nano3.preview.mixture import as_text, mixture_plan
from tests.built import TOKENS, copy_catalogue, tokens


def test_the_mixture_keeps_the_small_sets_for_phase2() -> None:
    plan = mixture_plan("nano3", load_recipe("nano3")[1])
    first, second = (plan["phases"][phase]["datasets"] for phase in ("phase1", "phase2"))
    for rows in (first, second):
        assert sum(row["share"] for row in rows.values()) == pytest.approx(1)
        assert all(row["epochs"] <= row["max_epochs"] * (1 + 1e-12) for row in rows.values())
    assert first["specialized-v1-wiki-rewrite"]["epochs"] == pytest.approx(10)
    assert first["specialized-v1-wiki-rewrite"]["epochs_asked"] == pytest.approx(20.8, abs=0.05)
    assert all(row["share"] == row["asked"] for row in second.values())
    assert all(row["estimated"] for row in first.values())


def test_both_recipes_have_the_mixture_that_the_page_shows_once() -> None:
    one, other = (mixture_plan("", load_recipe(name)[1]) for name in ("nano3", "nano3-report"))
    assert one == other


def test_an_estimate_and_a_cut_share_are_marked_in_the_table() -> None:
    text = as_text(mixture_plan("nano3", load_recipe("nano3")[1]))
    assert "~ is its publisher's count: the dataset is not tokenized yet." in text
    assert "specialized-v1-wiki-rewrite 20.8 > 10" in text


def test_what_an_epoch_skips_is_told_of_datasets_that_are_tokenized(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(copy_catalogue(tmp_path))
    request = Request.of(*load_recipe("tiny"))
    assert mixture_plan("tiny", request.recipe)["skipped"] == {}
    tokens(request, "tiny-math")  # 3 shards of a million tokens each
    plan = mixture_plan("tiny", request.recipe)
    block, shards = request.recipe.train.block_tokens, 3
    ends = (TOKENS - 1) % block
    assert plan["skipped"] == {"tiny-math": {128: shards * (ends % 128 + 1), 1024: shards * (ends % 1024 + 1)}}
    assert as_text(plan).splitlines()[-2:] == [
        "Of an epoch, in no sample because it ends a shuffle block and is shorter, by tokens of a sample:",
        "  tiny-math: 0.058 % at 1,024, 0.0064 % at 128",
    ]
