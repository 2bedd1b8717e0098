"""
What in results/ does no recipe need? Neither one of config/recipes, nor one with overrides that results/ knows.

Needed is what a receipt of such a recipe refers to, and what the recipe would use as it is today. The rest stays until
somebody removes it: going back to an earlier value needs it again.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from nano3.artifact.digest import digest_json, short
from nano3.artifact.paths import BLENDS, BY_RECIPE, STREAMS, TOKENS, WEIGHTS
from nano3.artifact.steps import BlendReceipt, IndexCacheReceipt, receipt_or_none
from nano3.config.load import load_recipe
from nano3.config.recipe import Recipe
from nano3.core.formatting import SPACE, listed, many, size
from nano3.core.schema import ConfigError
from nano3.inventory.entries import base_of, bytes_of, known_recipes, names, segment_receipts
from nano3.raw.datasets import pins_path, read_pins
from nano3.recipes.record import read_override
from nano3.training.spec import PhaseBlend, segment_specs

LOGS = "logs"
LOCKS = Path(".snakemake/locks")


@dataclass(frozen=True)
class Unused:
    """Files that nothing needs. path: of a file or folder, or where a few files of a folder lie. why: in words."""

    path: str
    bytes: int
    why: str


@dataclass
class Needs:
    """What recipes need. tokens: pairs of tokenizer and dataset. doubts: what can't be known, a sentence each."""

    folders: set[str] = field(default_factory=set)
    tokens: set[tuple[str, str]] = field(default_factory=set)
    doubts: list[str] = field(default_factory=list)

    def of_recipe(self, name: str, recipe: Recipe) -> None:
        """What a recipe would use today: its tokens and, as far as its blends are there, its weights."""
        try:
            self.tokens |= {(recipe.tokens_name, dataset) for dataset in recipe.datasets}
        except ConfigError:  # its tokenizer is not pinned, so it has made none
            return
        receipts = {
            phase: receipt_or_none(_in_blend(name, phase, "blend.receipt.json"), BlendReceipt)
            for phase in recipe.phases
        }
        blends = {phase: PhaseBlend.of(receipt) for phase, receipt in receipts.items() if receipt}
        self.folders |= {f"{WEIGHTS}/{short(digest_json(spec))}" for spec in segment_specs(recipe, blends).values()}

    def of_receipts(self, name: str) -> None:
        """What the receipts that a recipe left refer to."""
        for receipt in segment_receipts(name):
            self.folders.add(str(Path(receipt.facts.checkpoint).parent))
        for folder in Path(BLENDS, name).glob("*"):
            if blend := receipt_or_none(folder / "blend.receipt.json", BlendReceipt):
                self.tokens |= {(blend.key["tokens"], dataset) for dataset in blend.facts.datasets}
            if cache := receipt_or_none(folder / "index_cache.json", IndexCacheReceipt):
                self.folders |= set(cache.facts.folders.values())


def unused() -> tuple[list[Unused], list[str]]:
    """What nothing needs, by path, and what can't be known, a sentence each."""
    live = [name for name in names() if (base_of(name) or name) in known_recipes()]
    needs = Needs()
    if LOCKS.is_dir() and any(LOCKS.iterdir()):
        needs.doubts.append("snakemake is running here: what it is making may be listed")
    for name in live:
        needs.of_receipts(name)
        override = read_override(name)
        if override or not base_of(name):
            asked = (override.recipe, override.set, override.sample) if override else (name,)
            try:
                needs.of_recipe(name, load_recipe(*asked)[1])
            except ConfigError as error:
                needs.doubts.append(f"{error} (what {name} would use is not known: only what it left is kept)")
    return [*_gone(set(live)), *_shared(needs), *_tokens(needs)], needs.doubts


def _gone(live: set[str]) -> Iterator[Unused]:
    """Folders of recipes whose files are gone."""
    for folder in BY_RECIPE:
        for path in sorted(Path(folder).glob("*")):
            if path.is_dir() and path.name not in live:
                recipe = base_of(path.name) or path.name
                yield Unused(str(path), bytes_of([path]), f"config/recipes/{recipe}.yaml is gone")


def _shared(needs: Needs) -> Iterator[Unused]:
    """Folders of weights and document orders, which recipes share."""
    for folder in (WEIGHTS, STREAMS):
        for path in sorted(Path(folder).glob("*")):
            if str(path) not in needs.folders:
                yield Unused(str(path), bytes_of([path]), "no receipt refers to it, and no recipe would use it today")


def _tokens(needs: Needs) -> Iterator[Unused]:
    """Tokens of other tokenizers and datasets, and of shards that are no longer pinned."""
    for path in sorted(each for each in Path(TOKENS).glob("*/*") if each.is_dir() and each.name != LOGS):
        if (path.parent.name, path.name) not in needs.tokens:
            yield Unused(str(path), bytes_of([path]), "no recipe has this dataset with this tokenizer")
        elif (files := _unpinned(path)) and (shards := sorted({file.stem for file in files})):
            yield Unused(str(path), bytes_of(files), f"{many(len(shards), 'shard')} no longer pinned: {listed(shards)}")


def _unpinned(folder: Path) -> list[Path]:
    """Files of a dataset's shards that it is not pinned to."""
    if not pins_path(folder.name).is_file():
        return []
    pinned = {shard.name for shard in read_pins(folder.name)}
    files = [file for split in ("train", "holdout") for file in (folder / split).glob("*.*")]
    return [file for file in files if file.stem not in pinned and not file.name.startswith(".")]


def _in_blend(name: str, phase: str, file: str) -> Path:
    return Path(BLENDS, name, phase, file)


def as_text(found: Iterable[Unused], doubts: Iterable[str]) -> str:
    """A line for each, the largest first, and their sum."""
    ordered = sorted(found, key=lambda each: -each.bytes)
    lines = [f"note: {doubt}" for doubt in doubts]
    if not ordered:
        return "\n".join([*lines, "Everything in results/ is needed by a recipe, or by one with overrides."])
    lines += [f"{size(each.bytes):>9}  {each.path}: {each.why}" for each in ordered]
    total = f"{size(sum(each.bytes for each in ordered))} in all. Nothing was deleted; going back to an earlier recipe"
    return "\n".join([*lines, f"{total} needs some of it again."]).replace(SPACE, " ")
