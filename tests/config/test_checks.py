"""A recipe fits the catalogue, its tokenizer and the trainers, or one sentence says what to change."""

import json
import shutil
from pathlib import Path

import pytest

from nano3.config.load import load_recipe
from nano3.core.schema import ConfigError
from tests.conftest import House


def own(folder: Path, text: str) -> None:
    """Write recipe `own` beside tiny."""
    shutil.copy("config/recipes/tiny.yaml", folder)
    (folder / "own.yaml").write_text(text)


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


def test_the_vocabulary_is_as_large_as_the_tokenizer_and_a_multiple_of_128(tmp_path: Path) -> None:
    own(tmp_path, "extends: tiny\nmodel: {vocab_size: auto}\n")
    recipe = load_recipe("own", folder=tmp_path)[1]
    assert recipe.model.vocab_size == 4096
    small = tmp_path / "small"
    small.mkdir()
    tokens = ["<s>", "</s>", *map(str, range(200))]
    model = {"type": "WordLevel", "vocab": {token: number for number, token in enumerate(tokens)}, "unk_token": "<s>"}
    special = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    added = [{"id": number, "content": token, **special} for number, token in enumerate(tokens[:2])]
    (small / "tokenizer.json").write_text(json.dumps({"model": model, "added_tokens": added}))
    name, recipe = load_recipe("own", f"tokenizer.path={small}", folder=tmp_path)
    assert recipe.model.vocab_size == 256
    assert load_recipe("own", f"tokenizer.path={small} model.vocab_size=256", folder=tmp_path) == (name, recipe)


def test_a_vocabulary_that_cannot_be_counted_is_one_sentence(tmp_path: Path) -> None:
    own(tmp_path, "extends: tiny\nmodel: {vocab_size: auto}\n")
    with pytest.raises(ConfigError, match=r"tokenizer\.path: nowhere/tokenizer\.json is missing; name a folder"):
        load_recipe("own", "tokenizer.path=nowhere", folder=tmp_path)
    message = r"/own\.yaml with set=.*: model\.vocab_size: auto counts the entries of resources/tokenizers/nemo"
    with pytest.raises(ConfigError, match=message):
        load_recipe("own", "tokenizer.path=null tokenizer.name=nemotron-3-nano", folder=tmp_path)
    with pytest.raises(ConfigError, match=r"tokenizer\.name: must be text, not 5$"):
        load_recipe("own", "tokenizer.path=null tokenizer.name=5", folder=tmp_path)
