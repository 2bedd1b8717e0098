"""Recipe and overrides are one value with a name of its own, checked against the rest of the repository."""

import shutil
from pathlib import Path

import pytest

from nano3.config.load import load, load_recipe, read_settings
from nano3.core.names import MisplacedError
from nano3.core.schema import ConfigError
from nano3.training.spec import PhaseBlend, segment_specs


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "phases.phase1.mixture.tiny-maths=3",
            "config/recipes/tiny.yaml with set='phases.phase1.mixture.tiny-maths=3': "
            "phases.phase1.mixture.tiny-maths: no such dataset; did you mean tiny-math?",
        ),
        ("phases.phase1.mixture.zzz=3", "no such dataset; describe it in config/datasets/zzz.yaml or use one of: cc-"),
        ("tokenizer.path=nowhere", "tokenizer.path: nowhere/tokenizer.json is missing"),
        ("train.seed.x=1", "seed is a value, not a group of keys"),
        ("5000", "is not key=value"),
        ("train.seed=5\\", "No escaped character: fix the quotes and backslashes"),
        ("model.vocab_size=100", "model.vocab_size: 100 is less than the 4096 ids of"),
        ("train.precision=bf16", "train.precision"),
        ("tokenizer.eos_token='<|end|>'", "has no token '<|end|>'"),
        ("phases.phase1.mixture.c++=3", "a dataset's name has letters, digits, . _ - only"),
        ("phases.phase2.mixture.CC-v2.1=5", "phases.phase2.mixture.CC-v2.1: no such dataset"),
        ("train.seed=[5", "'[5' is not a YAML value"),
    ],
)
def test_an_override_that_cannot_be_meant_names_file_key_and_remedy(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe("tiny", override)
    assert message in str(caught.value)
    assert "tiny.yaml" in str(caught.value) or "set" in str(caught.value)


def test_an_unknown_recipe_names_the_nearest_one_or_all() -> None:
    with pytest.raises(ConfigError, match=r"config/recipes/tinny\.yaml: no such file; did you mean tiny\?$"):
        load_recipe("tinny")
    with pytest.raises(ConfigError, match=r"config/recipes/zz\.yaml: no such file; config/recipes has: .*tiny"):
        load_recipe("zz")


def test_the_name_of_an_overridden_recipe_says_how_to_request_it() -> None:
    with pytest.raises(ConfigError, match=r"tiny\+df10bf4cb773 is recipe tiny with overrides.*--recipe tiny --set "):
        load_recipe("tiny+df10bf4cb773")


def test_a_recipe_may_be_named_by_its_file() -> None:
    assert read_settings({"recipe": "config/recipes/tiny.yaml"}).recipe == "tiny"
    assert load_recipe("./config/recipes/tiny.yaml", "train.seed=5") == load_recipe("tiny", "train.seed=5")
    with pytest.raises(MisplacedError, match=r"^my/tiny\.yaml: a recipe is a file in config/recipes"):
        read_settings({"recipe": "my/tiny.yaml"})


def test_an_unknown_setting_is_an_error() -> None:
    with pytest.raises(ConfigError, match=r"--config: smaple: no such key; did you mean sample\?"):
        read_settings({"recipe": "tiny", "smaple": 3})


def test_a_wrong_setting_is_reported_in_plain_words() -> None:
    with pytest.raises(ConfigError, match=r"--config: sample: must be a whole number, not 'abc'$"):
        read_settings({"recipe": "tiny", "sample": "abc"})


def test_an_override_gives_the_artifacts_another_name() -> None:
    assert load_recipe("tiny")[0] == "tiny"
    name, recipe = load_recipe("tiny", "train.global_batch_size=16 phases.phase2.mixture.tiny-math=50")
    assert name.startswith("tiny+")
    assert recipe.train.global_batch_size == 16
    assert recipe.phases["phase2"].mixture["tiny-math"] == 50
    assert load_recipe("tiny", "train.global_batch_size=32")[0] != name


def test_an_override_that_changes_nothing_keeps_the_name() -> None:
    assert load_recipe("tiny", "train.seed=1234")[0] == "tiny"


@pytest.mark.parametrize(
    "override",
    ["layout.threads=7", "layout.micro_batch_tokens=128", "checkpoint.save=/scratch", "evaluation.too_small=skip"],
)
def test_where_and_how_it_runs_keeps_the_name(override: str) -> None:
    assert load_recipe("tiny", override)[0] == "tiny"


def test_train_iters_sets_the_steps_and_keeps_proportions() -> None:
    plain, short = load_recipe("tiny")[1], load_recipe("tiny", "train.train_iters=64")[1]
    assert short.curve_tokens == pytest.approx(64 * 8 * 128, rel=1e-3)
    for phase in plain.phases:
        share = plain.phases[phase].tokens / plain.curve_tokens
        assert short.phases[phase].tokens / short.curve_tokens == pytest.approx(share, rel=1e-2)
    assert short.learning_rate.decay_tokens / short.curve_tokens == pytest.approx(
        plain.learning_rate.decay_tokens / plain.curve_tokens, rel=1e-2
    )


def test_the_name_of_an_overridden_recipe_stays_when_the_recipe_itself_is_edited(tmp_path: Path) -> None:
    text = Path("config/recipes/tiny.yaml").read_text()
    (tmp_path / "tiny.yaml").write_text(text.replace("tiny-math: 35", "tiny-math: 36"))
    overrides = "train.global_batch_size=16"
    assert load_recipe("tiny", overrides, folder=tmp_path)[0] == load_recipe("tiny", overrides)[0]


def test_no_warm_up_stays_none_when_all_shrinks() -> None:
    overrides = "learning_rate.warmup_tokens=0 learning_rate.decay_tokens=0 train.train_iters=50"
    curve = load_recipe("tiny", overrides)[1].learning_rate
    assert (curve.warmup_tokens, curve.decay_tokens) == (0, 0)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"about: x\nabout: y\n", r"bad\.yaml: line 2, column 1: not YAML: key 'about' is given twice$"),
        (b"about: x\nsample: \xff\n", r"bad\.yaml: line 2: byte 0xff is not UTF-8: save the file in UTF-8$"),
        (b"about: x\nsample: \x07\n", r"bad\.yaml: line 2, column 9: not YAML: character U\+0007 is not allowed$"),
        (b"- about\n", r"bad\.yaml: has no keys: write keys with values, key: value$"),
        (
            b"about: x\nsample: [1\n",
            r"bad\.yaml: line 3, column 1: not YAML: expected ',' or '\]', but got '<stream end>', "
            r"while parsing a flow sequence from line 2: check quotes, colons and indentation there and above$",
        ),
        (b"about: 2026-13-45\n", r"bad\.yaml: not YAML: month must be in 1\.\.12: quote the value if it is text$"),
        (
            b"about: x: y\n",
            r"bad\.yaml: line 1, column 9: not YAML: mapping values are not allowed here: check quotes, colons",
        ),
    ],
)
def test_a_recipe_that_is_not_yaml_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_recipe("bad", folder=tmp_path)


def own(folder: Path, text: str, name: str = "own") -> str:
    """Write a recipe beside tiny."""
    shutil.copy("config/recipes/tiny.yaml", folder)
    (folder / f"{name}.yaml").write_text(text)
    return name


def test_a_recipe_that_extends_another_is_the_same_as_one_that_says_it_all(tmp_path: Path) -> None:
    own(tmp_path, "extends: tiny\nabout: Mine.\ntrain: {seed: 5}\n")
    whole = load_recipe("tiny", "train.seed=5 about=Mine.")[1]
    name, recipe = load_recipe("own", folder=tmp_path)
    assert (name, recipe) == ("own", whole)
    empty = PhaseBlend("", {})
    blends = dict.fromkeys(recipe.phases, empty)
    assert segment_specs(recipe, blends) == segment_specs(whole, blends)


def test_an_override_of_a_recipe_that_extends_another_has_a_name_of_its_own(tmp_path: Path) -> None:
    own(tmp_path, "extends: tiny\ntrain: {seed: 5}\n")
    loaded = load("own", "train.seed=1234 model.init_method_std=0.02", folder=tmp_path)
    assert loaded.name.startswith("own+")
    assert loaded.changes == {"train.seed": (5, 1234), "model.init_method_std": (0.0173, 0.02)}
    assert load_recipe("own", "train.seed=5", folder=tmp_path)[0] == "own"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("train: {seed: x}", r"^[^:]*/own\.yaml: train\.seed: must be a whole number, not 'x'$"),
        ("optimizer: {clip: 1}", r"^[^:]*/own\.yaml: optimizer\.clip: no such key"),
        ("model: {num_query_groups: 3}", r"^[^:]*/own\.yaml: model: num_attention_heads 4 is not a multiple of"),
        ("train: {block_tokens: 512}", r"^[^:]*/own\.yaml: train\.block_tokens: 512 is less than"),
        ("phases: {phase1: {mixture: {tiny-maths: 1}}}", r"/own\.yaml: phases\.phase1\.mixture\.tiny-maths: no such"),
        (
            "phases: {phase1: {layout: {threads: 1}}}",
            r"own\.yaml: phases\.phase1\.layout\.micro_batch_tokens: this",
        ),
        ("extends: nano3", r"own\.yaml: line 2, column 1: not YAML: key 'extends' is given twice$"),
    ],
)
def test_a_fault_of_its_own_names_its_file(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        load_recipe(own(tmp_path, f"extends: tiny\n{text}\n"), folder=tmp_path)


def test_a_fault_of_the_base_names_the_base(tmp_path: Path) -> None:
    own(tmp_path, "extends: tiny\ntrain: {seed: 5}\n")
    base = tmp_path / "tiny.yaml"
    base.write_text(base.read_text().replace("adam_beta1: 0.9", "adam_beta1: 1.9"))
    with pytest.raises(ConfigError, match=r"^[^:]*/tiny\.yaml: optimizer\.adam_beta1: must be below 1, not 1\.9$"):
        load_recipe("own", folder=tmp_path)


def test_a_recipe_without_most_sections_is_told_to_extend_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe(own(tmp_path, "about: Mine.\ntokenizer: {name: tiny}\n"), folder=tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}/own.yaml: has no holdout, model, optimizer, learning_rate, train, phases, evaluation, checkpoint "
        "and layout: write `extends: tiny` at its beginning, which takes from recipe tiny what it does not say, or "
        "write them all"
    )
