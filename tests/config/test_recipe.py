from pathlib import Path

import pytest

from nano3.config.load import load_recipe, parse_overrides, read_settings
from nano3.core.schema import ConfigError


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.trian_iters=5", "train.trian_iters: no such key; did you mean train_iters?"),
        ("phases.phase1.segments.stable.tokns=5", "did you mean tokens?"),
        (
            "phases.phase1.mixture.tiny-math=-3",
            "phases.phase1.mixture.tiny-math: a share must be above 0, not -3: leave it out to use none of it",
        ),
        (
            "phases.phase1.mixture.tiny-maths=3",
            "config/recipes/tiny.yaml with set='phases.phase1.mixture.tiny-maths=3': "
            "phases.phase1.mixture.tiny-maths: no such dataset; did you mean tiny-math?",
        ),
        ("phases.phase1.mixture.zzz=3", "no such dataset; describe it in config/datasets/zzz.yaml or use one of: cc-"),
        ("learning_rate.floor=1", "lower it"),
        ("learning_rate.decay_tokens=999999999", "shorten one of them"),
        ("holdout.valid=0.7", "holdout.valid"),
        ("tokenizer.path=nowhere", "tokenizer.path: nowhere/tokenizer.json is missing"),
        ("train.seed.x=1", "seed is a value, not a group of keys"),
        ("5000", "is not key=value"),
        ("train.seed=5\\", "No escaped character: fix the quotes and backslashes"),
        ("model.vocab_size=100", "model.vocab_size: 100 is less than the 4096 entries of"),
        ("model.moe_router_topk=99", "moe_router_topk 99 exceeds num_moe_experts 8"),
        ("model.num_query_groups=3", "num_attention_heads 4 is not a multiple of num_query_groups 3"),
        ("model.hybrid_override_pattern=M-M", "model.hybrid_override_pattern"),
        ("train.precision=bf16", "train.precision"),
        ("holdout.test=0", "holdout.test: must be above 0, not 0"),
        ("holdout.test=0.5", "holdout.test: must be below 0.25, not 0.5"),
        ("tokenizer.min_doc_chars=-1", "tokenizer.min_doc_chars: must be at least 0, not -1"),
        ("optimizer.adam_eps=small", "optimizer.adam_eps: must be a number, not 'small'"),
        ("tokenizer.add_bos=perhaps", "tokenizer.add_bos: must be true or false, not 'perhaps'"),
        ("tokenizer.add_bos=[1]", "tokenizer.add_bos: must be true or false, not [1]"),
        ("layout.trainer=gpu", "layout.trainer: must be 'cpu' or 'bridge', not 'gpu'"),
        ("layout=3", "layout: must be a group of keys, not 3"),
        ("tokenizer.name=3", "tokenizer.name: must be text, not 3"),
        ("tokenizer.name=a/b", "tokenizer.name: must be text that matches ^[A-Za-z0-9._-]+$, not 'a/b'"),
        ("phases={}", "phases: must be of length 1 or more, not {}"),
        ("train.seed={}", "train.seed: must be a whole number, not {}"),
        ("tokenizer.eos_token='<|end|>'", "has no token '<|end|>'"),
        ("phases.phase1.learning_rate=1e-3", "must come after those on the curve"),
        ("phases.phase1.mixture.c++=3", "a dataset's name has letters, digits, . _ - only"),
        ("phases.phase2.mixture.CC-v2.1=5", "phases.phase2.mixture.CC-v2.1: no such dataset"),
        ("train.seed=[5", "'[5' is not a YAML value"),
        ("train.global_batch_size=many", "train.global_batch_size: must be a whole number, not 'many'"),
        ("train.global_batch_size=1.5", "train.global_batch_size: must be a whole number, not 1.5"),
    ],
)
def test_a_wrong_value_names_file_key_and_remedy(override: str, message: str) -> None:
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


def test_a_typo_of_a_required_key_is_one_error(tmp_path: Path) -> None:
    text = Path("config/recipes/tiny.yaml").read_text()
    (tmp_path / "tiny.yaml").write_text(text.replace("warmup_tokens:", "warmup_tokns:").replace("floor:", "zzz:"))
    with pytest.raises(ConfigError) as caught:
        load_recipe("tiny", folder=tmp_path)
    lines = [line.split(": ", 1)[1] for line in str(caught.value).splitlines()]
    assert lines == [
        "learning_rate.floor: this key is missing; add it",
        "learning_rate.zzz: no such key; known keys here: decay_style, decay_tokens, floor, peak, warmup_tokens",
        "learning_rate.warmup_tokns: no such key; did you mean warmup_tokens?",
    ]


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


@pytest.mark.parametrize("override", ["layout.threads=7", "layout.micro_batch_tokens=128", "checkpoint.save=/scratch"])
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


def test_other_token_settings_have_another_folder() -> None:
    plain = load_recipe("tiny")[1].tokens_name
    assert load_recipe("tiny", "holdout.valid=0.1")[1].tokens_name != plain
    assert load_recipe("tiny", "tokenizer.add_bos=true")[1].tokens_name != plain
    assert load_recipe("tiny", sample=10)[1].tokens_name == f"{plain}-sample10"
    assert load_recipe("tiny", "phases.phase1.mixture.tiny-math=50")[1].tokens_name == plain


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
        (b"- about\n", r"bad\.yaml: must hold keys and values, not list$"),
        (
            b"about: x\nsample: [1\n",
            r"bad\.yaml: line 3, column 1: not YAML: expected ',' or '\]', but got '<stream end>', "
            r"while parsing a flow sequence from line 2$",
        ),
        (b"about: 2026-13-45\n", r"bad\.yaml: not YAML: month must be in 1\.\.12: quote the value if it is text$"),
        (b"about: x: y\n", r"bad\.yaml: line 1, column 9: not YAML: mapping values are not allowed here$"),
    ],
)
def test_a_recipe_that_is_not_yaml_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "bad.yaml").write_bytes(content)
    with pytest.raises(ConfigError, match=message):
        load_recipe("bad", folder=tmp_path)
