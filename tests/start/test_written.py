"""What is written says only what is its own, in few lines, and is read back as meant; all of it or none."""

import os
from pathlib import Path

import pytest
import yaml

from nano3.config.load import load_recipe
from nano3.config.recipe import Holdout
from nano3.core.schema import read_yaml, validated
from nano3.raw.datasets import Dataset
from nano3.start.folder import StartError
from nano3.start.sizes import FittingSteps
from nano3.start.tokenizer import ChosenTokenizer
from nano3.start.written import create, dataset_text, percent_shares, recipe_text, scalar

TOKENIZER = ChosenTokenizer("mine", "/home/me/Tök: 8k #1", Path("x"), "<|bos|>", "</s>", "x")


def recipe(shares: dict[str, int], base: str = "tiny", holdout: Holdout | None = None) -> str:
    extended = load_recipe(base)[1]
    return recipe_text(
        base, extended, TOKENIZER, shares, FittingSteps(128, "4 % of the data"), holdout or extended.holdout
    )


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


def test_a_larger_part_is_held_out_of_few_documents() -> None:
    text = recipe({"my-web": 100}, holdout=Holdout(valid=0.2, test=0.1))
    assert yaml.safe_load(text)["holdout"] == {"valid": 0.2, "test": 0.1}
    assert len(text.splitlines()) <= 25


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


def tree(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_appear_before_they_are_checked(tmp_path: Path) -> None:
    files = {tmp_path / "a/b/one": b"1", tmp_path / "two": b"2"}
    assert create(files, lambda: tree(tmp_path)) == {"a/b/one": b"1", "two": b"2"}


def test_none_is_left_if_the_check_fails(tmp_path: Path) -> None:
    def fails() -> None:
        raise KeyboardInterrupt

    (tmp_path / "a").mkdir()
    with pytest.raises(KeyboardInterrupt):
        create({tmp_path / "a/b/one": b"1", tmp_path / "c/two": b"2"}, fails)
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


def test_what_exists_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "two").write_bytes(b"mine")
    with pytest.raises(StartError, match=r"two exists already: nothing was written; move it away, or choose another"):
        create({tmp_path / "one": b"1", tmp_path / "two": b"2"}, list)
    assert tree(tmp_path) == {"two": b"mine"}


@pytest.mark.parametrize("name", ["one", "two"])
def test_a_place_that_can_not_be_written_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    replace = os.replace

    def read_only(source: Path, target: Path) -> None:
        if Path(target).name == name:
            raise OSError(30, "Read-only file system", str(target))
        replace(source, target)

    monkeypatch.setattr("pathlib.os.replace", read_only)
    with pytest.raises(StartError, match=rf"{name}: can't be written: Read-only file system; nothing was written$"):
        create({tmp_path / "one": b"1", tmp_path / "two": b"2"}, list)
    assert tree(tmp_path) == {}
