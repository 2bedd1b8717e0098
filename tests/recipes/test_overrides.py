"""An override is a value for a dotted key, and takes the place of what the recipe says."""

import pytest

from nano3.config.load import load_recipe
from nano3.core.schema import ConfigError
from nano3.recipes.extends import Composition
from nano3.recipes.overrides import changed, parse_overrides

BASE = Composition(
    {"train": {"seed": 1}, "phases": {"one": {"mixture": {"cc-v2.1": 1, "web": 2}}}}, (), {("train",): "a.yaml"}
)


def values(text: str) -> dict[str, object]:
    return changed(BASE, parse_overrides(text), "--set").values


def test_values_are_yaml() -> None:
    assert parse_overrides("a.b=1.5 c=true d='x y'") == {"a.b": 1.5, "c": True, "d": "x y"}


def test_snakemake_may_take_the_last_quote() -> None:
    for quote in "'\"":
        assert parse_overrides(f"checkpoint.save={quote}/my weights") == {"checkpoint.save": "/my weights"}


def test_a_value_is_set_and_the_recipe_stays_as_it_was() -> None:
    assert values("train.seed=5 train.precision=fp32")["train"] == {"seed": 5, "precision": "fp32"}
    assert BASE.values["train"] == {"seed": 1}


def test_a_dataset_whose_name_has_dots_is_one_key() -> None:
    assert values("phases.one.mixture.cc-v2.1=7")["phases"] == {"one": {"mixture": {"cc-v2.1": 7, "web": 2}}}


def test_a_group_takes_the_place_of_the_whole_group() -> None:
    assert values("phases.one.mixture='{math: 100}'")["phases"] == {"one": {"mixture": {"math": 100}}}


def test_null_takes_a_dataset_out_of_a_mixture() -> None:
    assert values("phases.one.mixture.cc-v2.1=null")["phases"] == {"one": {"mixture": {"web": 2}}}
    mixture = load_recipe("tiny", "phases.phase2.mixture.tiny-code=null")[1].phases["phase2"].mixture
    assert mixture.keys() == {"tiny-english", "tiny-math", "tiny-spanish"}


def test_what_an_override_said_belongs_to_it() -> None:
    composition = changed(BASE, parse_overrides("phases.one.mixture.web=3"), "--set")
    assert composition.owner("phases.one.mixture.web") == composition.owner("phases.one") == "--set"
    assert composition.owner("train") == "a.yaml"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("5000", r"'5000' is not key=value; write set='train\.train_iters=50 holdout\.valid=0\.1'$"),
        ("train.seed=[5", r"'\[5' is not a YAML value$"),
        (
            "phases.phase2.mixture={my-web: 30, my-math: 70}",
            r"phases\.phase2\.mixture: '\{my-web:' is not a YAML value; quote a group: "
            r"""set="phases\.phase2\.mixture='\{NAME: VALUE\}'"$""",
        ),
        ("train.seed.x=1", r"^set: train\.seed\.x: seed is a value, not a group of keys$"),
        ("extends=nano3", r"^set: extends: no override changes what a recipe builds on: name another recipe$"),
        ("phases.one.mixture.wbe=null", r"mixture\.wbe: there is none to remove; did you mean web\?$"),
        ("phases.four=null", r"phases\.four: there is none to remove; phases has: one$"),
        ("train.seed=5\\", r"No escaped character: fix the quotes and backslashes$"),
    ],
)
def test_what_cannot_be_meant_is_one_sentence(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        values(text)


def test_a_share_of_0_says_how_to_take_a_dataset_out() -> None:
    with pytest.raises(ConfigError, match=r"not 0: leave it out, in an override with null$"):
        load_recipe("tiny", "phases.phase2.mixture.tiny-code=0")
