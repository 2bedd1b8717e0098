"""A recipe is one typed value whose parts fit together; what can't be meant names file, key and remedy."""

import shutil
from pathlib import Path

import pytest

from nano3.config.load import load_recipe
from nano3.core.schema import ConfigError


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("train.trian_iters=5", "train.trian_iters: no such key; did you mean train_iters?"),
        ("phases.phase1.segments.stable.tokns=5", "did you mean tokens?"),
        (
            "phases.phase1.mixture.tiny-math=-3",
            "phases.phase1.mixture.tiny-math: a share must be above 0, not -3: leave it out, in an override with null",
        ),
        ("learning_rate.floor=1", "lower it"),
        ("learning_rate.decay_tokens=999999999", "shorten one of them"),
        ("holdout.valid=0.7", "holdout.valid"),
        ("holdout.test=0", "holdout.test: must be above 0, not 0"),
        ("holdout.test=0.5", "holdout.test: must be below 0.25, not 0.5"),
        (
            "tokenizer.max_doc_tokens=1",
            "max_doc_tokens: 1 leaves no room for a text beside bos_token and eos_token: write 2",
        ),
        ("tokenizer.max_doc_tokens=2 tokenizer.add_bos=true", "max_doc_tokens: 2 leaves no room for a text"),
        ("tokenizer.engine=tiktoken", "tokenizer.engine: must be 'auto', 'gigatoken' or 'tokenizers', not 'tiktoken'"),
        ("tokenizer.min_doc_chars=-1", "tokenizer.min_doc_chars: must be at least 0, not -1"),
        ("optimizer.adam_eps=small", "optimizer.adam_eps: must be a number, not 'small'"),
        ("tokenizer.add_bos=perhaps", "tokenizer.add_bos: must be true or false, not 'perhaps'"),
        ("tokenizer.add_bos=[1]", "tokenizer.add_bos: must be true or false, not [1]"),
        ("layout.trainer=gpu", "layout.trainer: must be 'cpu' or 'bridge', not 'gpu'"),
        ("layout=3", "layout: must be a group of keys, not 3"),
        ("evaluation.too_small=ignore", "evaluation.too_small: must be 'fail' or 'skip', not 'ignore'"),
        ("tokenizer.name=3", "tokenizer.name: must be text, not 3"),
        ("tokenizer.name=a/b", "tokenizer.name: must be text that matches ^[A-Za-z0-9._-]+$, not 'a/b'"),
        ("phases={}", "phases: must be given at least 1 value, not {} ("),
        ("train.seed={}", "train.seed: must be a whole number, not {}"),
        ("phases.phase1.learning_rate=1e-3", "must come after those on the curve"),
        ("train.global_batch_size=many", "train.global_batch_size: must be a whole number, not 'many'"),
        ("train.global_batch_size=1.5", "train.global_batch_size: must be a whole number, not 1.5"),
    ],
)
def test_a_wrong_value_names_file_key_and_remedy(override: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe("tiny", override)
    assert message in str(caught.value)
    assert "tiny.yaml" in str(caught.value) or "set" in str(caught.value)


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


def test_other_token_settings_have_another_folder() -> None:
    plain = load_recipe("tiny")[1].tokens_name
    assert load_recipe("tiny", "holdout.valid=0.1")[1].tokens_name != plain
    assert load_recipe("tiny", "tokenizer.add_bos=true")[1].tokens_name != plain
    assert load_recipe("tiny", sample=10)[1].tokens_name == f"{plain}-sample10"
    assert load_recipe("tiny", "phases.phase1.mixture.tiny-math=50")[1].tokens_name == plain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "categories.math.datasets=[cc-math-v1-3,cc-v2-high-quality]",
            "cc-v2-high-quality: category crawl-high has it, too",
        ),
        ("categories.history={datasets:[tiny-math]}", "history: no phase has a share for it, so tiny-math would never"),
        ("phases.phase1.mixture.academic=3", "phases.phase1: without_data.academic: has a share in the mixture, too"),
        ("phases.phase2.without_data.math=3", "phases.phase2: without_data.math: has a share in the mixture, too"),
        ("phases.phase2.without_data.crawl-medium=3", "phases.phase2.without_data.crawl-medium: the category has"),
        ("phases.phase2.segments.anneal.tokens=30000000", "segment anneal has 30,000,000 tokens, less than one batch"),
        ("phases.phase2.segments={}", "phases.phase2: has neither segments nor a chain"),
        ("repetition=null", "phases.phase1.max_epochs: has no effect without repetition"),
        ("repetition.max_epochs_of.tiny-math=3", "repetition.max_epochs_of.tiny-math: no phase uses"),
    ],
)
def test_a_curriculum_that_cannot_be_meant_names_key_and_remedy(change: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_recipe("nano3", f'"{change}"')
    assert message in str(caught.value)


def test_a_tokenizer_is_its_own_files_and_not_what_lies_beside_them(tmp_path: Path) -> None:
    folder = tmp_path / "tokenizer"
    shutil.copytree("resources/tiny/tokenizer", folder)
    recipe = load_recipe("tiny", f"tokenizer.path={folder}")[1]
    before = recipe.tokenizer_digests()
    assert before.keys() == {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    (folder / ".cache/huggingface").mkdir(parents=True)
    (folder / "model.safetensors").write_bytes(b"weights")
    (folder / "vocab.json").mkdir()
    assert recipe.tokenizer_digests() == before
    (folder / "chat_template.jinja").write_text("{{ messages }}")
    assert recipe.tokenizer_digests().keys() == before.keys() | {"chat_template.jinja"}


def test_a_phase_has_each_of_its_sequence_lengths_once() -> None:
    recipe = load_recipe("tiny")[1]
    assert {phase: recipe.sequence_lengths(phase) for phase in recipe.phases} == {
        "phase1": [128],
        "phase2": [128],
        "long_context": [128, 1024],
    }
