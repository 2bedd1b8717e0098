"""
Which name does a person mean who types a file? config/recipes/team.yaml, which Tab completes, is recipe team.

Recipes, datasets and tokenizers are named by their files in config/, without folder and ending. Either form is
accepted wherever one is named, so that every other part has to know only the name.
"""

import os
from pathlib import Path

from nano3 import Nano3Error


class MisplacedError(Nano3Error):
    """A file is named that is not in the folder of its kind."""


def recipe_name(text: str) -> str:
    """The recipe's name: team for team, team.yaml or config/recipes/team.yaml. Raises as _name does."""
    return _name(text, "recipe", Path("config/recipes"), (".yaml",))


def dataset_name(text: str) -> str:
    """The dataset's name: my-web for my-web, or for config/datasets/my-web.yaml or .tsv. Raises as _name does."""
    return _name(text, "dataset", Path("config/datasets"), (".yaml", ".tsv"))


def tokenizer_name(text: str) -> str:
    """The tokenizer's name: as a dataset's, in config/tokenizers. Raises as _name does."""
    return _name(text, "tokenizer", Path("config/tokenizers"), (".yaml", ".tsv"))


def pinned_name(text: str) -> str:
    """The name of a dataset, or of a tokenizer that is named by its file. Raises as _name does."""
    return (
        tokenizer_name(text)
        if Path(text).parent.resolve() == Path("config/tokenizers").resolve()
        else dataset_name(text)
    )


def _name(text: str, kind: str, folder: Path, endings: tuple[str, ...]) -> str:
    """
    The name of a file in folder, whether or not there is one.

    Raises MisplacedError, in one sentence, for a path that leads elsewhere, and for nothing at all.
    """
    head, last = os.path.split(text.strip())
    name = next((last.removesuffix(ending) for ending in endings if last.endswith(ending)), last)
    if not name:
        raise MisplacedError(f"{text!r} names no {kind}: give the name of a file in {folder}, without its ending")
    if head and Path(head).resolve() != folder.resolve():
        raise MisplacedError(
            f"{text}: a {kind} is a file in {folder}: move it there as {name}{endings[0]}, and name it {name}"
        )
    return name
