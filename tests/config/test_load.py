"""Recipe and overrides are one value with a name of its own, checked against the rest of the repository."""

from pathlib import Path

import pytest

from nano3.config.load import load_recipe, parse_overrides, read_settings
from nano3.core.names import MisplacedError
from nano3.core.schema import ConfigError
from tests.conftest import House


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


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("categories.wiki.datasets=[tiny-math]", "tiny-math.yaml says that tiny-math is of category math"),
        (
            "categories.crawl-high.datasets=[cc-v2-high-quality]",
            "cc-v2.1-high-quality.yaml is of this category and of hf",
        ),
        ("categories.wiki.datasets=[nothing]", "categories.wiki.nothing: no such dataset; describe it in"),
        ("layout.trainer=cpu", "train.precision: the cpu trainer computes in fp32 only: write fp32, or layout.trainer"),
        (
            "tokenizer.name=nemotron",
            r"config/tokenizers/nemotron.yaml: no such file; did you mean nemotron-3-nano?",
        ),
    ],
)
def test_what_disagrees_with_the_catalogue_names_key_and_remedy(change: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe("nano3", f'"{change}"')
    assert message in str(caught.value)


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


def test_values_are_yaml() -> None:
    assert parse_overrides("a.b=1.5 c=true d='x y'") == {"a.b": 1.5, "c": True, "d": "x y"}


def test_the_name_of_an_overridden_recipe_stays_when_the_recipe_itself_is_edited(tmp_path: Path) -> None:
    text = Path("config/recipes/tiny.yaml").read_text()
    (tmp_path / "tiny.yaml").write_text(text.replace("tiny-math: 35", "tiny-math: 36"))
    overrides = "train.global_batch_size=16"
    assert load_recipe("tiny", overrides, folder=tmp_path)[0] == load_recipe("tiny", overrides)[0]


def test_snakemake_may_take_the_last_quote() -> None:
    for quote in "'\"":
        assert parse_overrides(f"checkpoint.save={quote}/my weights") == {"checkpoint.save": "/my weights"}


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


@pytest.mark.parametrize("command", ["plan", "snakemake"])
def test_what_is_not_pinned_is_one_sentence(bare_house: House, command: str) -> None:
    if command == "plan":
        done = bare_house.nano3("plan", "--recipe", "nano3")
    else:
        done = bare_house.try_snakemake("-n", "--config", "recipe=nano3")
    output = done.stdout + done.stderr
    assert done.returncode == 1
    assert "Traceback" not in output
    assert (
        "config/recipes/nano3.yaml: tokenizer nemotron-3-nano and 26 of its 26 datasets are not pinned: run "
        "`nano3 pin --recipe nano3`"
    ) in output
