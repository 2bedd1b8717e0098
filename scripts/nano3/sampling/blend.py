"""
When is a phase's blend another one? When a weight or the bytes of a pair differ; not when a pair lies elsewhere or was
built at another time. The content of its receipt is the digest of both, and training is keyed by it.

A blend lists token pairs and their weights as Megatron reads them. Source: the `blend_per_split` format of
Megatron-Core's BlendedMegatronDatasetBuilder; a weight is a proportion of samples, so a dataset's share is divided over
its shards by their tokens.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nano3 import Nano3Error
from nano3.artifact.digest import digest_json
from nano3.artifact.files import write_json
from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import BlendedDataset, BlendFacts, BlendKey, BlendReceipt, IndexReceipt, read_receipt
from nano3.config.mixture import MixtureError, as_floats, resolved
from nano3.corpus.shard_table import ShardEntry, read_entries
from nano3.sampling.sufficiency import SequenceNeeds, Shortage, SufficiencyError

SPLITS = ("train", "valid", "test")


class BlendError(Nano3Error):
    """A blend would have no test documents."""


@dataclass(frozen=True)
class BlendEntry:
    """A pair in a blend. prefix: its path without extension. digests: of its .bin and .idx."""

    weight: float
    prefix: str
    digests: tuple[str, str]


def normalized(shares: Mapping[str, float]) -> dict[str, float]:
    """Shares of any positive scale, as fractions that sum to 1."""
    total = sum(shares.values())
    return {dataset: share / total for dataset, share in shares.items()}


def train_entries(share: float, shards: Sequence[ShardEntry], folder: Path) -> list[BlendEntry]:
    """A dataset's pairs with their weights, which sum to its share; empty shards are left out."""
    tokens = sum(shard.tokens for shard in shards)
    return [
        BlendEntry(share * shard.tokens / tokens, str(folder / "train" / shard.shard), (shard.bin, shard.idx))
        for shard in shards
        if shard.tokens > 0
    ]


def write_blend(indexes: list[Path], key: BlendKey, needs: SequenceNeeds, blend: Path, receipt: Path) -> None:
    """
    The blend.json of a phase from its datasets' indexes.

    indexes: index.json in each dataset's folder, with shards.tsv beside it. key: decides the shares, see
    nano3.config.mixture; the receipt holds the result. needs: what the phase's sequences need of its datasets, which is
    only checked; stdout tells which validation sets are left out. Validation and test sets weigh as their dataset does
    in training; a dataset with none, or with a share of 0, is left out. Raises MixtureError if tokens do not suffice
    for the shares, SufficiencyError if a set is shorter than a sample, BlendError if no dataset has a test document.
    """
    run = Run()
    receipts = {path.parent.name: read_receipt(path, IndexReceipt) for path in indexes}
    try:
        parts = resolved(key, {dataset: index.facts.tokens for dataset, index in receipts.items()})
    except MixtureError as error:
        raise MixtureError(f"{blend}: {error}") from None
    shares = as_floats({part.dataset: part.share for part in parts if part.share})
    shortage = Shortage.of(needs, {dataset: receipts[dataset].facts for dataset in shares})
    if shortage.error:
        raise SufficiencyError(f"{blend}: {shortage.error}")
    if shortage.skipped:
        print(shortage.skipped)
    folders = {path.parent.name: path.parent for path in indexes}
    splits: dict[str, list[BlendEntry]] = {split: [] for split in SPLITS}
    facts = {}
    for dataset, share in shares.items():
        index, folder = receipts[dataset], folders[dataset]
        shards = read_entries(folder, index.facts.shards.digest)
        splits["train"] += train_entries(share, shards, folder)
        for split, outputs in (("valid", index.outputs[:2]), ("test", index.outputs[2:])):
            if getattr(index.facts, split).tokens > 0:
                digests = (outputs[0].sha256, outputs[1].sha256)
                splits[split].append(BlendEntry(share, str(folder / split), digests))
        facts[dataset] = BlendedDataset(share, index.facts.tokens, index.facts.documents)
    if not splits["test"]:
        raise BlendError(f"{blend}: no test documents in any dataset: raise holdout.test in the recipe")
    write_json(blend, {split: _flat(entries) for split, entries in splits.items()})
    BlendReceipt.made(
        run,
        key=key,
        inputs=[receipts[path.parent.name].as_input(path) for path in indexes],
        outputs=[Output.of(blend)],
        content=digest_json({split: [[e.weight, *e.digests] for e in entries] for split, entries in splits.items()}),
        facts=BlendFacts(datasets=facts, pairs={split: len(entries) for split, entries in splits.items()}),
    ).write(receipt)


def _flat(entries: Sequence[BlendEntry]) -> list[str]:
    """Alternating weight and prefix, as strings."""
    return [word for entry in entries for word in (repr(entry.weight), entry.prefix)]
