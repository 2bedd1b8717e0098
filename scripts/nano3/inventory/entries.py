"""
Which recipes are there, and what did each leave? Every recipe of config/recipes, and every name that results/ knows:
recipes with overrides, and recipes whose file is gone.
"""

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nano3.artifact.paths import BY_RECIPE, CHECKPOINTS
from nano3.artifact.receipt import ReceiptError
from nano3.artifact.steps import SegmentReceipt, read_receipt
from nano3.config.load import RECIPES
from nano3.core.formatting import SPACE, loss, moment, size
from nano3.core.schema import ConfigError
from nano3.graph.reasons import written
from nano3.recipes.extends import ABOUT, read_composition
from nano3.recipes.record import noted_overrides, read_override


@dataclass(frozen=True)
class RecipeEntry:
    """
    A recipe and what it left. name: that its artifacts go by. base: the recipe that overrides are of; None without
    any. about: what the recipe is for; what is wrong if its file can't be read; None for overrides. set, sample: the
    overrides as they were given; None if no run noted them. changes: what they changed, by dotted key: before, after.
    trained: when the last segment was, in ISO 8601; None if none is. bytes: of its own folders and of its weights,
    which others may share. validation: the last losses, by dataset.
    """

    name: str
    base: str | None
    about: str | None
    set: str | None
    sample: int | None
    changes: Mapping[str, tuple[Any, Any]]
    trained: str | None
    bytes: int
    validation: Mapping[str, float]


def entries() -> list[RecipeEntry]:
    """All of them, each recipe before those with overrides."""
    return [_entry(name) for name in names()]


def names() -> list[str]:
    """Of all recipes and of all that results/ knows, sorted."""
    left = {path.name for folder in BY_RECIPE for path in Path(folder).glob("*") if path.is_dir()}
    return sorted({*known_recipes(), *noted_overrides(), *left})


def known_recipes() -> list[str]:
    """Names of the recipes in config/recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.yaml"))


def base_of(name: str) -> str | None:
    """The recipe that overrides are of; None for a recipe without."""
    return name.partition("+")[0] if "+" in name and name not in known_recipes() else None


def segment_receipts(name: str) -> list[SegmentReceipt]:
    """Of what a recipe trained, in the order of training. A damaged one is left out."""
    receipts = []
    for path in Path(CHECKPOINTS, name).glob("*/*/receipt.json"):
        try:
            receipts.append(read_receipt(path, SegmentReceipt))
        except ReceiptError:
            continue
    return sorted(receipts, key=lambda receipt: receipt.key["steps"]["first"])


def bytes_of(paths: Iterable[Path]) -> int:
    """Bytes of files and folders."""
    files = (file for path in paths for file in ([path] if path.is_file() else path.rglob("*")))
    return sum(file.lstat().st_size for file in files if file.is_symlink() or file.is_file())


def _entry(name: str) -> RecipeEntry:
    receipts, override, base = segment_receipts(name), read_override(name), base_of(name)
    own = {Path(folder, name) for folder in BY_RECIPE} | {Path(receipt.facts.checkpoint).parent for receipt in receipts}
    measured = receipts[-1].facts.validation if receipts else {}
    return RecipeEntry(
        name,
        base,
        None if base else _about(name),
        override.set if override else None,
        override.sample if override else None,
        override.changes if override else {},
        max((receipt.run.ended for receipt in receipts), default=None),
        bytes_of(own),
        {dataset: losses["after"] for dataset, losses in measured.items() if "after" in losses},
    )


def _about(name: str) -> str:
    if name not in known_recipes():
        return f"its file config/recipes/{name}.yaml is gone"
    try:
        return str(read_composition(name, RECIPES).values.get(ABOUT, ""))
    except ConfigError as error:
        return str(error)


def as_text(found: Iterable[RecipeEntry]) -> str:
    """A paragraph for each."""
    return "\n\n".join("\n".join(_lines(entry)) for entry in found)


def _lines(entry: RecipeEntry) -> list[str]:
    trained = f"trained {moment(entry.trained)}" if entry.trained else "not trained"
    left = f", {size(entry.bytes)}" if entry.bytes else ""
    lines = [f"{entry.name}: {trained}{left}".replace(SPACE, " ")]
    if entry.about:
        lines.append(entry.about)
    if entry.base:
        changes = (f"{key}: {written(was)} -> {written(now)}" for key, (was, now) in entry.changes.items())
        lines += changes if entry.changes else ["what it changed was not noted: it was made by an earlier version"]
    if entry.set is not None:
        lines.append(f"again: nano3 plan --recipe {entry.base}{_options(entry)}")
    if entry.validation:
        losses = ", ".join(f"{dataset} {loss(value)}" for dataset, value in entry.validation.items())
        lines.append(f"validation loss: {losses}")
    return [lines[0], *(f"  {line}" for line in lines[1:])]


def _options(entry: RecipeEntry) -> str:
    overrides = f" --set {shlex.quote(entry.set)}" if entry.set else ""
    return overrides + (f" --sample {entry.sample}" if entry.sample else "")
