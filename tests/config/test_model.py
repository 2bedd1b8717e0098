from typing import Any

import pytest

from nano3.config.load import load_recipe
from nano3.config.model import Model
from nano3.core.schema import ConfigError, validated

MODEL = load_recipe("tiny")[1].model.model_dump()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"moe_router_topk": 99}, "moe_router_topk 99 exceeds num_moe_experts 8"),
        ({"num_query_groups": 3}, "num_attention_heads 4 is not a multiple of num_query_groups 3"),
        ({"mamba_num_heads": 7}, "mamba_num_heads 7 is not a multiple of mamba_num_groups 2"),
        ({"hybrid_override_pattern": "M-M"}, "hybrid_override_pattern: must be text that matches"),
    ],
)
def test_a_network_that_cannot_be_built_is_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as error:
        validated(Model, MODEL | changes, "a.yaml")
    assert message in str(error.value)
