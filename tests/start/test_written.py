"""What is written says only what is its own, in few lines, and is read back as what was meant."""

from pathlib import Path

import pytest
import yaml

from nano3.config.load import load_recipe
from nano3.core.schema import read_yaml, validated
from nano3.raw.datasets import Dataset
from nano3.start.tokenizer import ChosenTokenizer
from nano3.start.written import dataset_text, percent_shares, recipe_text, scalar

TOKENIZER = ChosenTokenizer("mine", "/home/me/Tök: 8k #1", Path("x"), "<|bos|>", "</s>", "x")


def recipe(shares: dict[str, int], base: str = "tiny") -> str:
    return recipe_text(base, load_recipe(base)[1], TOKENIZER, shares, 128, "4 % of the data")


def test_a_recipe_is_at_most_25_lines_and_says_what_is_its_own() -> None:
    text = recipe({"my-web": 70, "my-code": 30})
    assert len(text.splitlines()) <= 25
    mixture = {"mixture": {"my-web": 70, "my-code": 30}}
    assert yaml.safe_load(text) == {
        "about": "my-web, my-code, with the sizes of recipe tiny.",
        "extends": "tiny",
        "tokenizer": {"name": "mine", "path": "/home/me/Tök: 8k #1", "bos_token": "<|bos|>", "eos_token": "</s>"},
        "model": {"vocab_size": "auto"},
        "train": {"train_iters": 128},
        "phases": {"phase1": mixture, "phase2": mixture, "long_context": mixture},
        "evaluation": {"too_small": "skip"},
    }


@pytest.mark.parametrize("number", [1, 5, 12])
def test_many_datasets_take_few_lines_too(number: int, tmp_path: Path) -> None:
    shares = {f"a-dataset-with-a-name-{each}": 1 for each in range(number)}
    (tmp_path / "r.yaml").write_text(recipe(shares))
    assert max(map(len, recipe(shares).splitlines())) <= 120
    assert len(recipe(shares).splitlines()) <= 30
    phases = read_yaml(tmp_path / "r.yaml")["phases"]
    assert [phase["mixture"] for phase in phases.values()] == [shares] * 3


def test_what_a_base_says_of_its_own_datasets_is_taken_away() -> None:
    values = yaml.safe_load(recipe({"my-web": 100}, "nano3"))
    base = load_recipe("nano3")[1]
    assert ("categories" in values) == bool(base.categories)
    for name, phase in base.phases.items():
        assert ("max_epochs" in values["phases"][name]) == bool(phase.max_epochs)


@pytest.mark.parametrize(
    "keys",
    [
        {"files": "*.jsonl.zst", "text_column": "doc.text"},
        {"files": "**/*", "document": "line", "on_bad_row": "skip", "duplicates": "keep"},
        {"files": "only [[]v2].jsonl", "text_column": "yes", "source": "/data/Größe: #1"},
    ],
)
def test_a_description_is_read_back_as_it_was(tmp_path: Path, keys: dict[str, str]) -> None:
    values = {"source": "/data/web", "category": "web", "licence": "not stated", "about": "6 files."} | keys
    dataset = validated(Dataset, values, "x")
    (tmp_path / "web.yaml").write_text(dataset_text(dataset))
    assert validated(Dataset, read_yaml(tmp_path / "web.yaml"), "x") == dataset
    assert read_yaml(tmp_path / "web.yaml") == values, "defaults are not written"


def test_shares_are_of_a_hundred_and_none_is_nothing() -> None:
    assert percent_shares({"a": 3e9, "b": 1e9}) == {"a": 75, "b": 25}
    assert percent_shares({"a": 1e12, "b": 1}) == {"a": 100, "b": 1}


@pytest.mark.parametrize("value", ["plain", "*.zst", "a: b # c", "yes", "</s>", "1e3", "中文", "two\nlines", "", "'\""])
def test_a_scalar_is_one_line_and_itself(value: str) -> None:
    assert "\n" not in scalar(value)
    assert yaml.safe_load(f"key: {scalar(value)}") == {"key": value}
