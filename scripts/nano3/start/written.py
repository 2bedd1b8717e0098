"""
Which files does a start write? A dataset's description, and a recipe that says only what is its own.

Whatever a recipe doesn't say is as in the one that it extends. All files appear or none does, and none is replaced.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TypeVar

import yaml

from nano3.artifact.files import replaced
from nano3.config.recipe import Holdout, Phase, Recipe
from nano3.raw.datasets import Dataset
from nano3.start.folder import StartError
from nano3.start.sizes import FittingSteps
from nano3.start.tokenizer import ChosenTokenizer

WIDTH = 100
SCHEMA = "# yaml-language-server: $schema=../{}.schema.json\n"
NOT_SAID = "not stated"

Result = TypeVar("Result")


def create(files: Mapping[Path, bytes], check: Callable[[], Result]) -> Result:
    """
    Create files, and return what check says of them; without it if it raises.

    Raises StartError if one is there already or can't be written. Nothing is left then.
    """
    for path in files:
        if path.exists():
            raise StartError(f"{path} exists already: nothing was written; move it away, or choose another name")
    folders = [folder for path in files for folder in _missing(path.parent)]
    try:
        with ExitStack() as stack:
            for path, content in files.items():
                stack.enter_context(replaced(path)).write_bytes(content)
        return check()
    except BaseException as error:
        for path in files:
            path.unlink(missing_ok=True)
        for folder in sorted(folders, reverse=True):
            if folder.is_dir() and not any(folder.iterdir()):
                folder.rmdir()
        if isinstance(error, OSError):
            raise StartError(f"{error.filename}: can't be written: {error.strerror}; nothing was written") from None
        raise


def dataset_text(dataset: Dataset) -> str:
    """A dataset's description as YAML: what is set, in the order of the model."""
    values = dataset.model_dump(exclude_unset=True)
    lines = [f"{key}: {scalar(values[key])}\n" for key in Dataset.model_fields if key in values]
    return SCHEMA.format("dataset") + "".join(lines)


def recipe_text(
    base: str,
    extended: Recipe,
    tokenizer: ChosenTokenizer,
    shares: Mapping[str, int],
    steps: FittingSteps,
    holdout: Holdout,
) -> str:
    """
    A recipe as YAML, at most 25 lines for a base with three phases.

    base: name of the recipe that it extends. extended: that recipe. shares: of each dataset, in percent. steps,
    holdout: as they fit the data.
    """
    names = ", ".join(shares) if len(shares) <= 3 else f"{len(shares)} datasets"
    path = [] if tokenizer.path is None else [f"  path: {scalar(tokenizer.path)}"]
    lines = [
        f"about: {scalar(f'{names}, with the sizes of recipe {base}.')}",
        f"extends: {base}",
        "",
        "tokenizer:",
        f"  name: {scalar(tokenizer.name)}",
        *path,
        f"  bos_token: {scalar(tokenizer.bos_token)}",
        f"  eos_token: {scalar(tokenizer.eos_token)}",
        *([] if holdout == extended.holdout else [f"holdout: {scalar(holdout.model_dump())}   # of few documents"]),
        "",
        "model:",
        "  vocab_size: auto",
        "train:",
        f"  train_iters: {steps.number}   # {steps.remark}",
        *(["categories: {}"] if extended.categories else []),
        *(["repetition: null"] if extended.repetition else []),
        "phases:   # percent of the samples from each dataset",
        *_phases(extended, shares),
        "evaluation:",
        "  too_small: skip",
    ]
    return SCHEMA.format("recipe") + "\n".join(lines) + "\n"


def scalar(value: object) -> str:
    """A value as YAML has it inside one line."""
    if isinstance(value, str) and not value.isprintable():
        return json.dumps(value, ensure_ascii=False)
    text = yaml.safe_dump(value, default_flow_style=True, allow_unicode=True, sort_keys=False, width=2**20)
    return text.removesuffix("\n").removesuffix("\n...")


def percent_shares(sizes: Mapping[str, float]) -> dict[str, int]:
    """Shares of a hundred in proportion to sizes, each at least 1."""
    total = sum(sizes.values())
    return {name: max(1, round(100 * size / total)) for name, size in sizes.items()}


def _phases(extended: Recipe, shares: Mapping[str, int]) -> list[str]:
    """The mixture of every phase: once, and for the others by its anchor if it is long."""
    mixture = scalar(dict(shares))
    names = list(extended.phases)
    is_long = len(mixture) > WIDTH - max(map(len, names)) - len("  : {mixture: }")
    lines = []
    for number, (name, phase) in enumerate(extended.phases.items()):
        if not is_long:
            lines.append(f"  {name}: {{mixture: {mixture}{_without(phase)}}}")
        elif number:
            lines.append(f"  {name}: {{mixture: *shares{_without(phase)}}}")
        else:
            lines += [f"  {name}:", "    mixture: &shares", *_wrapped(shares)]
            lines += [f"    {key}" for key in _without(phase).split(", ")[1:]]
    return lines


def _without(phase: Phase) -> str:
    """What to take away of the base's phase; a mixture replaces the shares without data by itself."""
    return ", max_epochs: null" if phase.max_epochs else ""


def _wrapped(shares: Mapping[str, int]) -> Sequence[str]:
    """A flow mapping over several lines."""
    text = yaml.safe_dump(dict(shares), default_flow_style=True, allow_unicode=True, sort_keys=False, width=WIDTH - 6)
    return [f"      {line.strip()}" for line in text.splitlines()]


def _missing(folder: Path) -> list[Path]:
    """A folder and those above it that are not there yet."""
    return [each for each in (folder, *folder.parents) if not each.exists()]
