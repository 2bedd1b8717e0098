"""Recipe tiny from raw shards to the report: what `make demo` builds, and what it is worth."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from nano3.artifact.steps import SegmentReceipt
from nano3.config.load import load_recipe
from nano3.provenance.lineage import Receipts, closure
from nano3.provenance.shard_records import read_shards
from nano3.raw.datasets import read_pins
from nano3.sampling.sampler import consumed_with
from tests.conftest import House

pytestmark = pytest.mark.slow

RECIPE = load_recipe("tiny")[1]
RECIPE_LENGTHS = {segment: length for _, segment, _, _, length in RECIPE.segments()}


@pytest.fixture
def receipts(demo: House, monkeypatch: pytest.MonkeyPatch) -> Receipts:
    monkeypatch.chdir(demo.root)
    return closure(Path("results/exports/tiny/receipt.json"))


@pytest.fixture
def segments(receipts: Receipts) -> list[dict[str, Any]]:
    """The facts of all segments in the order of training."""
    trained = [receipt.facts for receipt in receipts.values() if isinstance(receipt, SegmentReceipt)]
    return [msgspec.to_builtins(facts) for facts in sorted(trained, key=lambda facts: facts.tokens_seen)]


def test_a_second_run_runs_nothing(demo: House) -> None:
    assert "Nothing to be done" in demo.snakemake()


def test_every_held_out_loss_falls_in_every_phase(segments: list[dict[str, Any]]) -> None:
    for name in RECIPE.phases:
        phase = [segment for segment in segments if segment["phase"] == name]
        before, after = phase[0]["validation"]["before"], phase[-1]["validation"]["after"]
        assert before.keys() == after.keys() == set(RECIPE.datasets)
        for dataset in RECIPE.datasets:
            assert after[dataset] < before[dataset], (name, dataset)
    assert segments[-1]["validation"]["after"]["tiny-math"] < 5 < segments[0]["validation"]["before"]["tiny-math"]


def test_the_mixture_drawn_is_the_mixture_asked_for(segments: list[dict[str, Any]]) -> None:
    for segment in segments:
        mixture = segment["mixture"]
        assert mixture["largest_deviation"] <= mixture["allowed"], segment["segment"]
        assert sum(mixture["samples"].values()) == segment["tokens"] // RECIPE_LENGTHS[segment["segment"]]


def test_each_segment_takes_its_samples_where_the_one_before_it_stopped(segments: list[dict[str, Any]]) -> None:
    """The ledger of the last one is what all have drawn, dataset by dataset."""
    drawn: dict[str, list[list[int]]] = {}
    for segment in segments:
        drawn = consumed_with(drawn, segment["mixture"]["samples"], RECIPE_LENGTHS[segment["segment"]])
        assert segment["ledger"] == drawn


def test_phases_follow_one_curve_of_tokens(demo: House, segments: list[dict[str, Any]]) -> None:
    lines = []
    for segment in segments:
        folder = demo.root / "results/checkpoints/tiny" / segment["phase"] / segment["segment"]
        lines += [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    assert [line["step"] for line in lines] == list(range(len(lines)))
    tokens = [line["tokens"] for line in lines]
    assert tokens == sorted(tokens)
    assert tokens[-1] == sum(phase.tokens for phase in RECIPE.phases.values())
    rates = [line["learning_rate"] for line in lines]
    assert max(rates) == RECIPE.learning_rate.peak
    decay = RECIPE.curve_tokens - RECIPE.learning_rate.decay_tokens
    falling = [line["learning_rate"] for line in lines if decay <= line["tokens"] <= RECIPE.curve_tokens]
    assert falling == sorted(falling, reverse=True)
    assert set(rates[-24:]) == {RECIPE.phases["long_context"].learning_rate}


def test_the_export_is_a_model_that_transformers_loads_and_runs(demo: House) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    folder = demo.root / "results/exports/tiny/model"
    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    assert type(model).__name__ == "NemotronHForCausalLM"
    text = "It is a truth universally acknowledged"
    assert tokenizer.decode(tokenizer(text).input_ids) == text
    generated = model.generate(**tokenizer(text, return_tensors="pt"), max_new_tokens=5, do_sample=False)
    assert generated.shape[1] == len(tokenizer(text).input_ids) + 5
    logits = json.loads((folder.parent / "receipt.json").read_text())["facts"]["logits"]
    assert 0 < logits["largest_difference"] <= logits["tolerance"] == 1e-4


def test_lineage_reaches_every_raw_shard(demo: House, receipts: Receipts) -> None:
    report = demo.root / "results/reports/tiny"
    lineage = json.loads((report / "lineage.json").read_text())
    pins = {shard.path: shard.sha256 for dataset in RECIPE.datasets for shard in read_pins(dataset)}
    assert {shard.raw: shard.sha256 for shard in read_shards(report / "lineage.shards.tsv")} == pins
    steps = [activity["prov:type"] for activity in lineage["activity"].values()]
    assert {step: steps.count(step) for step in sorted(set(steps))} == {
        "build_index_cache": 3,
        "export_hf": 1,
        "index_dataset": 4,
        "tokenize_shard": 4,
        "train_segment": 6,
        "write_blend": 3,
    }
    for relation in lineage["used"].values():
        assert relation["prov:entity"] in lineage["entity"]
        assert relation["prov:activity"] in lineage["activity"]


def test_no_row_is_lost(demo: House) -> None:
    receipts = list((demo.root / "results/tokens").glob("*/*/train/*.json"))
    assert len(receipts) == 12
    for path in receipts:
        facts = json.loads(path.read_text())["facts"]
        outside = len(facts["valid"]) + len(facts["test"]) + len(facts["skipped"])
        assert facts["documents"] + outside == facts["rows"], path


def test_the_report_is_there_and_asks_nothing_of_a_network(demo: House) -> None:
    page = (demo.root / "results/reports/tiny/index.html").read_text()
    for name in (*RECIPE.datasets, *RECIPE.phases):
        assert name in page
    assert "<script src" not in page
    assert "<link" not in page
