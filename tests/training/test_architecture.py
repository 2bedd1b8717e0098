"""The network that both trainers build is Megatron-Core's, with the recipe's numbers."""

from dataclasses import fields

from megatron.core.transformer.transformer_config import TransformerConfig

from nano3.training.architecture import OWN, transformer
from tests.training.recipes import NANO3_MODEL


def test_every_number_of_the_recipe_is_an_argument_of_megatrons_and_none_is_lost() -> None:
    model = NANO3_MODEL.model_dump()
    arguments = transformer(model)
    assert arguments.keys() <= {field.name for field in fields(TransformerConfig)}
    assert {key: arguments.get(key) for key in model.keys() - set(OWN)} == {
        key: value for key, value in model.items() if key not in OWN
    }
    assert arguments["num_layers"] == 52
