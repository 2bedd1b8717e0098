"""
How does a folder of files become a recipe? It is looked at, pinned and measured; then all files are written at once.

Nothing is written before the end, and nothing that exists is replaced: a mistake leaves the repository as it was.
"""

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import pyarrow as pa

from nano3 import Nano3Error
from nano3.config.load import RECIPES, load_recipe
from nano3.core.formatting import compact, many, size
from nano3.raw.datasets import DATASETS, HUB, Shard, pins_path, read_pins, write_pins
from nano3.raw.pin import pins_of
from nano3.start.describe import Ask, Described, Reading, described
from nano3.start.folder import StartError, places
from nano3.start.sample import TextSample, sample_texts
from nano3.start.sizes import fitting_holdout, fitting_steps, with_mixture
from nano3.start.tokenizer import (
    ChosenTokenizer,
    hub_tokenizer,
    local_tokenizer,
    require_trainable,
    trained_tokenizer,
)
from nano3.start.written import create, dataset_text, percent_shares, recipe_text
from nano3.tokens.encoder import Encoder

ESTIMATE_BYTES = 2**21  # of each dataset, to estimate its tokens
TRAINING_BYTES = 24 * 2**20  # of all datasets, to train a tokenizer
LEAST_TRAINING_BYTES = 2**20  # of each
TOKENIZERS = "a folder with a tokenizer.json, hf://org/repo, or a number of entries to train one, e.g. 32000"


@dataclass(frozen=True)
class Wishes:
    """
    What somebody asks for. data: FOLDER or NAME=FOLDER each. tokenizer: a folder or hf://org/repo. entries: of a
    tokenizer to train instead. base: recipe to extend. shares: of each dataset, any scale; none: by the
    bytes of their texts. epochs: passes over the data; None: at most one, and at most the steps of the base.
    """

    recipe: str
    data: Sequence[str]
    reading: Reading
    tokenizer: str | None = None
    entries: int | None = None
    bos_token: str | None = None
    eos_token: str | None = None
    base: str = "tiny"
    shares: Mapping[str, float] = field(default_factory=dict)
    epochs: float | None = None


@dataclass(frozen=True)
class Measured:
    """A dataset with its pins, a sample of its texts, and how many tokens it has by that."""

    described: Described
    shards: list[Shard]
    sample: TextSample
    tokens: int = 0

    @property
    def text_bytes(self) -> int:
        """Of its texts, by those of the sample."""
        return max(1, round(self.sample.bytes / max(1, self.sample.rows) * self.rows))

    @property
    def rows(self) -> int:
        """Of its files."""
        return sum(shard.rows or 0 for shard in self.shards)

    def in_tokens(self, encoder: Encoder) -> "Measured":
        """The same with the tokens that its sample lets expect."""
        taken = self.sample.taken
        ids, _ = encoder.encode(pa.array(self.sample.texts, pa.large_string()))
        return replace(self, tokens=round(len(ids) / max(1, taken) * self.text_bytes) + self.rows)


def init(wishes: Wishes, ask: Ask | None = None) -> Iterator[str]:
    """
    Make a recipe; yields what was found and made, line by line. ask: asks a person; None if nobody is there.

    Raises Nano3Error, with the remedy, for anything that can't be done; nothing is written then.
    """
    recipe_file = _recipe_file(wishes.recipe)
    _, extended = load_recipe(wishes.base)
    found = [each for place in places(wishes.data) for each in described(place, wishes.reading, ask)]
    _require_shares([each.name for each in found], wishes.shares)
    tokenizer, entries = _wished_tokenizer(wishes, ask)
    if entries:
        require_trainable(wishes.recipe, entries)
    with tempfile.TemporaryDirectory() as temporary:
        workspace = Path(temporary)
        chosen = None if entries else _given_tokenizer(str(tokenizer), wishes, workspace)
        share = max(LEAST_TRAINING_BYTES, TRAINING_BYTES // len(found)) if entries else ESTIMATE_BYTES
        measured = []
        for each in found:
            first, *others = each.lines
            yield from (first, *(f"  {line}" for line in others))
            shards, notes = _pins(each)
            measured.append(Measured(each, shards, sample_texts(each.dataset, shards, share)))
            yield from (f"  {note}" for note in notes)
            yield f"  {many(measured[-1].rows, 'row')} (counted), pinned by SHA-256"
        chosen = chosen or trained_tokenizer(
            wishes.recipe, entries or 0, (text for each in measured for text in each.sample.texts), workspace
        )
        encoder = Encoder.load(chosen.file, chosen.settings, "auto")
        measured = [each.in_tokens(encoder) for each in measured]
        yield from _told_tokenizer(chosen, encoder)
        yield from _told_tokens(measured)
        shares = percent_shares(wishes.shares or {each.described.name: each.text_bytes for each in measured})
        holdout = fitting_holdout(extended, sum(each.rows for each in measured))
        tokens = {each.described.name: each.tokens for each in measured}
        steps = fitting_steps(with_mixture(extended, shares, holdout), tokens, wishes.epochs)
        text = recipe_text(wishes.base, extended, chosen, shares, steps, holdout)
        files = {**chosen.files, **_dataset_files(measured, workspace), recipe_file: text.encode()}
        create(files, lambda: load_recipe(wishes.recipe))
    yield f"training: {many(steps.number, 'step')}, {steps.remark}"
    yield f"wrote {', '.join(sorted({*map(_shown, files)}))}"
    yield ""
    yield "Next:"
    yield f"  nano3 plan --recipe {wishes.recipe}"
    yield f"  snakemake --config recipe={wishes.recipe}"


def _shown(file: Path) -> str:
    """A file as it is told: of a tokenizer, its folder alone."""
    return str(file) if file.suffix in (".yaml", ".tsv") else f"{file.parent}/"


def _recipe_file(name: str) -> Path:
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name):
        raise StartError(f"{name!r}: a recipe's name has letters, digits, . _ - only: give it another")
    file = RECIPES / f"{name}.yaml"
    if not RECIPES.is_dir():
        raise StartError(f"there is no {RECIPES} here, {Path.cwd()}: run nano3 in the folder of the repository")
    if locked := [folder for folder in (RECIPES, DATASETS) if not os.access(folder, os.W_OK)]:
        raise StartError(f"{locked[0]} can't be written: give yourself access to it, then try again")
    if file.exists():
        raise StartError(f"{file} exists already: give the recipe another name, or move that file away")
    return file


def _wished_tokenizer(wishes: Wishes, ask: Ask | None) -> tuple[str | None, int | None]:
    """A tokenizer that there is, or the entries of one to train."""
    if wishes.tokenizer and wishes.entries:
        raise StartError("--tokenizer and --train-tokenizer: give one of them")
    if wishes.tokenizer or wishes.entries:
        return wishes.tokenizer, wishes.entries
    if not ask:
        raise StartError(
            "no tokenizer is named: give --tokenizer FOLDER, --tokenizer hf://org/repo or --train-tokenizer 32000"
        )
    answer = ask(f"Which tokenizer? {TOKENIZERS}", (), "32000")
    return (None, int(answer)) if answer.isdecimal() else (answer, None)


def _given_tokenizer(text: str, wishes: Wishes, workspace: Path) -> ChosenTokenizer:
    if text.startswith(HUB):
        return hub_tokenizer(text, workspace, wishes.bos_token, wishes.eos_token)
    return local_tokenizer(text, wishes.bos_token, wishes.eos_token)


def _pins(found: Described) -> tuple[list[Shard], list[str]]:
    if found.exists:
        return read_pins(found.name), [f"described and pinned already in {DATASETS}/{found.name}.yaml"]
    try:
        return pins_of(found.name, found.dataset, found.label)
    except Nano3Error as error:
        raise StartError(
            f"{error}\nNothing was written. Where a message names a key of a dataset's description: --on-bad-row and "
            "--duplicates set it here."
            if "on_bad_row" in str(error) or "duplicates" in str(error)
            else str(error)
        ) from None


def _told_tokenizer(chosen: ChosenTokenizer, encoder: Encoder) -> Iterator[str]:
    slow = "" if encoder.is_fast else "; encoded by Hugging Face's tokenizers, for gigatoken does not know its layout"
    yield f"tokenizer {chosen.name}: {chosen.about}{slow}"
    yield f"  {encoder.entries:,} entries, beginning of a document {chosen.bos_token}, end {chosen.eos_token}"


def _told_tokens(measured: Sequence[Measured]) -> Iterator[str]:
    total = sum(each.tokens for each in measured)
    taken = sum(each.sample.taken for each in measured)
    parts = ", ".join(f"{each.described.name} {compact(each.tokens)}" for each in measured)
    of = f": {parts}" if len(measured) > 1 else ""
    yield f"about {compact(total)} tokens, estimated from a sample of {size(taken)}{of}"


def shares_of(given: Sequence[str]) -> dict[str, float]:
    """By dataset, of `--share NAME=N`. Raises StartError for another form."""
    shares = {}
    for each in given:
        name, _, number = each.rpartition("=")
        try:
            shares[name] = float(number)
        except ValueError:
            shares[name] = -1.0
        if not name or not 0 < shares[name] < float("inf"):
            raise StartError(f"--share {each}: write NAME=N with a number above 0, e.g. --share my-web=70")
    return shares


def _require_shares(names: Sequence[str], shares: Mapping[str, float]) -> None:
    if shares and sorted(shares) != sorted(names):
        raise StartError(f"--share: give one for each of {', '.join(names)}, e.g. --share {names[0]}=70")


def _dataset_files(measured: Sequence[Measured], workspace: Path) -> Mapping[Path, bytes]:
    files = {}
    for each in measured:
        if not each.described.exists:
            name, pins = each.described.name, workspace / "pins.tsv"
            write_pins(pins, each.shards)
            files[DATASETS / f"{name}.yaml"] = dataset_text(each.described.dataset).encode()
            files[pins_path(name)] = pins.read_bytes()
    return files
