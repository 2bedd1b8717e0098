"""Recipes nano3 and nano3-report, and what tiny shares with them; none of their data is local."""

import json
from pathlib import Path

import pytest

from nano3.config.load import load_recipe
from nano3.raw.datasets import read_dataset
from tests.conftest import House

# The rule by which tiny is cut, see its first lines: every key of its model is in one of three lists.
EQUAL = {
    "num_query_groups",
    "moe_router_topk_scaling_factor",
    "moe_router_bias_update_rate",
    "moe_aux_loss_coeff",
    "layernorm_epsilon",
    "init_method_std",
}
RATIOS = {("moe_shared_expert_intermediate_size", "moe_ffn_hidden_size")}
SMALLER = {
    "vocab_size",
    "hidden_size",
    "num_attention_heads",
    "kv_channels",
    "mamba_num_heads",
    "mamba_head_dim",
    "mamba_state_dim",
    "mamba_num_groups",
    "num_moe_experts",
    "moe_router_topk",
    "moe_ffn_hidden_size",
    "moe_shared_expert_intermediate_size",
}


def test_tiny_is_the_model_cut_by_a_stated_rule() -> None:
    tiny, real = load_recipe("tiny")[1], load_recipe("nano3-report")[1]
    small, large = tiny.model.model_dump(), real.model.model_dump()
    assert small.keys() == EQUAL | SMALLER | {"hybrid_override_pattern"}
    assert small["hybrid_override_pattern"] in large["hybrid_override_pattern"]
    assert {key: small[key] for key in EQUAL} == {key: large[key] for key in EQUAL}
    assert all(small[key] < large[key] for key in SMALLER)
    assert all(small[one] / small[other] == large[one] / large[other] for one, other in RATIOS)
    assert tiny.optimizer == real.optimizer
    assert (tiny.tokenizer.add_bos, tiny.tokenizer.add_eos) == (real.tokenizer.add_bos, real.tokenizer.add_eos)


def test_tiny_has_the_phases_in_the_same_proportions() -> None:
    tiny, real = load_recipe("tiny")[1], load_recipe("nano3-report")[1]
    step = tiny.train.global_batch_size * tiny.train.sequence_length
    assert list(tiny.phases) == list(real.phases)
    curve, published = tiny.learning_rate, real.learning_rate
    assert curve.floor / curve.peak == pytest.approx(published.floor / published.peak)
    assert curve.decay_style == published.decay_style
    for tokens, fraction in ((tiny.phases["phase1"].tokens, 0.94), (tiny.curve_tokens - curve.decay_tokens, 0.80)):
        assert abs(tokens - fraction * tiny.curve_tokens) <= step
    for recipe in (tiny, real):
        last = recipe.phases["long_context"]
        assert last.learning_rate == recipe.learning_rate.floor
        lengths = {segment.sequence_length or 0 for segment in last.all_segments.values()}
        assert max(lengths) > recipe.train.sequence_length >= min(lengths) > 0


@pytest.mark.parametrize("name", ["nano3", "nano3-report"])
def test_all_open_data_is_in_the_catalogue_and_every_set_is_used(name: str) -> None:
    recipe = load_recipe(name)[1]
    descriptions = [read_dataset(dataset) for dataset in recipe.datasets]
    assert len({(each.repository, each.subset) for each in descriptions}) == 26
    assert sum(each.tokens_estimate or 0 for each in descriptions) == 9_531_500_000_000
    assert {each.text_column for each in descriptions} == {"text", "content"}
    phase = recipe.phases["phase1"]
    assert sum(phase.mixture.values()) + sum(phase.without_data.values()) == pytest.approx(100)


def test_where_epochs_are_capped_a_blend_needs_what_earlier_phases_consume(bare_house: House) -> None:
    blend = "results/blends/tiny/phase2/blend.json"
    bare_house.edit("config/recipes/tiny.yaml", "      tiny-math: 35\n", "")
    assert bare_house.planned(blend) == {"tokenize_shard": 9, "index_dataset": 3, "write_blend": 1}
    bare_house.edit("config/recipes/tiny.yaml", "phases:\n", "repetition: {max_epochs: 5, over_cap: refuse}\nphases:\n")
    assert bare_house.planned(blend) == {"tokenize_shard": 12, "index_dataset": 4, "write_blend": 1}
    kinds = json.loads(bare_house.nano3("plan", blend, "--json").stdout)["kinds"]
    assert {kind: counts["new"] for kind, counts in kinds.items()} == {"tokens": 12, "index": 4, "blend": 1}


def test_every_description_of_the_catalogue_is_read() -> None:
    for path in Path("config/datasets").glob("*.yaml"):
        read_dataset(path.stem)
