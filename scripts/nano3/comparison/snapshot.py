"""
What was a training made from, as far as its receipts still say?

A receipt names what its artifact was made from by content. Where that no longer lies there, because a dataset gained a
shard for another recipe or tokens were deleted, nothing has to be made again: a segment holds what it consumed, a blend
the tokens of its datasets, the lineage beside the report or else the blend every shard. What is lost is noted.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nano3.artifact.digest import digest_json
from nano3.artifact.paths import LINEAGE
from nano3.artifact.steps import (
    BlendReceipt,
    ExportReceipt,
    IndexReceipt,
    LineageReceipt,
    SegmentReceipt,
    ShardReceipt,
    StepReceipt,
    read_receipt,
    receipt_or_none,
)
from nano3.core.formatting import many
from nano3.provenance.lineage import Receipts, dataset_of_index
from nano3.provenance.shard_records import read_shards
from nano3.sampling.blend_json import train_prefixes

SHARDS_TABLE = LINEAGE[2]
# A folder of tokens, see Recipe.tokens_name, without what tells apart other settings of a tokenizer.
TOKENS_NAME = re.compile(r"(.+?)(-[0-9a-f]{12})?(-sample\d+)?")


@dataclass(frozen=True)
class DatasetSnapshot:
    """
    A dataset as a training read it.

    folder: of its tokens. content: of its index. tokens: of training; None if nothing says. shards: contents of its
    shards by name, of those with tokens if only the blend tells them; None if nothing does. index: its receipt, if it
    is still that one.
    """

    name: str
    folder: Path
    content: str
    tokens: int | None
    shards: Mapping[str, str] | None
    index: IndexReceipt | None

    @cached_property
    def receipts(self) -> Mapping[str, ShardReceipt] | None:
        """Those of its shards by name, if all are still as they were."""
        receipts = {
            name: receipt_or_none(self.folder / "train" / f"{name}.json", ShardReceipt) for name in self.shards or ()
        }
        whole = {name: receipt for name, receipt in receipts.items() if receipt}
        if not self.shards or any(name not in whole or whole[name].content != self.shards[name] for name in receipts):
            return None
        return whole

    @property
    def raw(self) -> dict[str, str] | None:
        """What its shards were read from, whatever the tokenizer: digests of raw bytes and rows by name."""
        if self.receipts is None:
            return None
        return {name: f"{each.key['sha256']} {each.key['rows']}" for name, each in self.receipts.items()}

    @property
    def validation(self) -> str | None:
        """Digest of the texts of its validation documents, whatever the tokenizer: raw bytes and rows, and how read."""
        if self.receipts is None:
            return None
        held = [each for each in self.receipts.values() if each.facts.valid]
        ways = [[each.key["text_column"], each.key.get("document")] for each in held]
        return digest_json([[each.key["sha256"], each.facts.valid, *way] for each, way in zip(held, ways, strict=True)])

    @property
    def valid_pair(self) -> tuple[str, ...] | None:
        """Digests of the pair of its validation documents."""
        return tuple(output.sha256 for output in self.index.outputs[:2]) if self.index else None

    @property
    def bytes_per_token(self) -> float | None:
        """Bytes of its validation texts by their tokens; None if its receipts do not say, or there are none."""
        counts = [each.facts.valid_bytes for each in (self.receipts or {}).values()]
        known = [count for count in counts if count is not None]
        if not self.index or not self.index.facts.valid.tokens or not known or len(known) < len(counts):
            return None
        return sum(known) / self.index.facts.valid.tokens

    def is_whole(self, tokens: int) -> bool:
        """Whether so many tokens of its validation set are all of it; False if its index is gone."""
        return self.index is not None and self.index.facts.valid.tokens <= tokens


@dataclass(frozen=True)
class Snapshot:
    """
    A training. receipts: all that it was made from and that is still as it was, by path. segments: in the order of
    training, by phase/segment. datasets: by name. tokenizer: the token settings, see ShardSettings; empty if no shard
    says. tokens: name of the folder of its tokens. notes: a sentence for each thing that is not as it was.
    """

    receipts: Receipts
    segments: Mapping[str, SegmentReceipt]
    datasets: Mapping[str, DatasetSnapshot]
    tokenizer: Mapping[str, Any]
    tokens: str
    notes: tuple[str, ...]

    @classmethod
    def of(cls, path: Path) -> "Snapshot":
        """path: the receipt of an export or a segment. Raises ReceiptError if it is none."""
        receipts, notes = _unchanged(path)
        trained = [receipt for receipt in receipts.values() if isinstance(receipt, SegmentReceipt)]
        trained.sort(key=lambda each: each.key["steps"]["first"])
        datasets = {each.name: each for each in _datasets(path, receipts, trained, notes)}
        folders = [each.folder.parent.name for each in datasets.values()]
        return cls(
            receipts,
            {f"{each.facts.phase}/{each.facts.segment}": each for each in trained},
            dict(sorted(datasets.items())),
            _tokenizer(datasets.values()),
            folders[0] if folders else "",
            tuple(dict.fromkeys(notes)),
        )

    @property
    def tokenizer_name(self) -> str:
        """As its recipe calls the tokenizer; empty if nothing is left to tell."""
        named = TOKENS_NAME.fullmatch(self.tokens)
        return named[1] if named else ""


def _unchanged(path: Path) -> tuple[Receipts, list[str]]:
    """
    The receipts that an artifact was made from as they were, by path, nearest first, and sentences on those that are
    not; a segment that was trained again counts as it is.
    """
    receipts: Receipts = {str(path): read_receipt(path)}
    notes: list[str] = []
    queue = [str(path)]
    while queue:
        user = queue.pop(0)
        for source in receipts[user].inputs if not isinstance(receipts[user], IndexReceipt) else ():
            if source.kind != "receipt" or source.path in receipts:
                continue
            receipt = receipt_or_none(source.path)
            if receipt is None:
                notes.append(f"{source.path} is gone or damaged")
            elif receipt.content == source.digest or isinstance(receipt, SegmentReceipt):
                receipts[source.path] = receipt
                queue.append(source.path)
                if receipt.content != source.digest:
                    notes.append(f"{source.path} was trained again since {user} was made: the newer one is compared")
            elif isinstance(receipt, BlendReceipt):
                notes.append(f"{source.path} was made again since")
    return receipts, notes


def _datasets(
    path: Path, receipts: Receipts, trained: Iterable[SegmentReceipt], notes: list[str]
) -> Iterator[DatasetSnapshot]:
    """The datasets of a training, as its last phase read them; of each that is not as it was, notes says so."""
    sources = [source for segment in trained for source in segment.inputs]
    blends = {each.path: blend for each in sources if isinstance(blend := receipts.get(each.path), BlendReceipt)}
    used = {source.path: (source.digest, path) for path, blend in blends.items() for source in blend.inputs}
    for index_path, (content, _) in used.items():
        index = receipts.get(index_path)
        if isinstance(index, IndexReceipt) and index.content == content:
            shards = {Path(each.path).stem: each.digest for each in index.inputs if each.kind == "receipt"}
            folder = Path(index_path).parent
            yield DatasetSnapshot(folder.name, folder, content, index.facts.tokens, shards, index)
    changed = {path: source for path, source in used.items() if not _is(receipts.get(path), source[0])}
    if not changed:
        return
    table = _lineage_table(path, receipts)
    shards_then = _shards_by_dataset(table) if table else {}
    for index_path, (content, blend_path) in changed.items():
        name, blended = dataset_of_index(index_path), blends[blend_path].facts.datasets
        tokens, listing = blended[name].tokens if name in blended else None, Path(blend_path).with_name("blend.json")
        shards = shards_then[name] if name in shards_then else _shards_of_blend(listing, name, tokens)
        told_by = table if name in shards_then else listing
        number = many(len(shards), "shard")
        told = f"its {number} at that time are listed in {told_by}" if shards else "its shards are lost"
        notes[:] = [note for note in notes if not note.startswith(index_path)]  # what is gone has changed, too
        what = f"{name} has changed since" if Path(index_path).exists() else f"the index of {name} is gone"
        notes.append(f"{what}: {told}")
        yield DatasetSnapshot(name, Path(index_path).parent, content, tokens, shards or None, None)


def _is(receipt: StepReceipt | None, content: str) -> bool:
    return receipt is not None and receipt.content == content


def _shards_of_blend(blend: Path, dataset: str, tokens: int | None) -> dict[str, str]:
    """
    Contents of the shards that a blend.json lists of a dataset; none if one of them has changed since.

    tokens: of them all, which would not be the same.
    """
    try:
        prefixes = train_prefixes(blend).get(dataset, [])
    except (OSError, ValueError, KeyError):
        return {}
    receipts = {Path(prefix).name: receipt_or_none(f"{prefix}.json", ShardReceipt) for prefix in prefixes}
    whole = {shard: receipt for shard, receipt in receipts.items() if receipt}
    if len(whole) < len(receipts) or sum(each.facts.tokens for each in whole.values()) != tokens:
        return {}
    return {shard: receipt.content for shard, receipt in whole.items()}


def _shards_by_dataset(table: Path) -> dict[str, dict[str, str]]:
    """Contents of the shards of a lineage's table."""
    shards: dict[str, dict[str, str]] = {}
    for each in read_shards(table):
        shards.setdefault(each.dataset, {})[each.shard] = each.content
    return shards


def _lineage_table(path: Path, receipts: Receipts) -> Path | None:
    """The shards of all datasets, as the lineage of this training lists them; None if there is no such table."""
    place = next((place for place, part in enumerate(path.parts) if part in ("exports", "checkpoints")), None)
    if place is None:
        return None
    folder = Path(*path.parts[:place], "reports", path.parts[place + 1])
    lineage = receipt_or_none(folder / LINEAGE[0], LineageReceipt)
    for source in lineage.inputs if lineage else ():
        export = receipt_or_none(source.path, ExportReceipt) if source.kind == "receipt" else None
        if export and export.content == source.digest:
            of_this = any(_is(receipts.get(each.path), each.digest) for each in export.inputs)
            return folder / SHARDS_TABLE if of_this and (folder / SHARDS_TABLE).is_file() else None
    return None


def _tokenizer(datasets: Iterable[DatasetSnapshot]) -> Mapping[str, Any]:
    """The token settings that the first shard that is left says."""
    for dataset in datasets:
        for name in dataset.shards or ():
            if shard := receipt_or_none(dataset.folder / "train" / f"{name}.json", ShardReceipt):
                return shard.key["tokenizer"]
    return {}
