"""A blend of one dataset, many, of some shards, and its index cache."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import (
    BlendedDataset,
    BlendFacts,
    BlendReceipt,
    IndexCacheFacts,
    IndexCacheKey,
    IndexCacheReceipt,
    SegmentData,
    read_receipt,
)
from nano3.sampling.index_cache import build_index_cache
from nano3.tokens.indexed_dataset import Pair, PairWriter
from tests.receipts import BLEND_KEY, receipt_input
from tests.training.conftest import index_of


@dataclass(frozen=True)
class Mixture:
    """
    The blend, in a folder. shards: tokens of each document of each shard. token: that all documents of a shard
    consist of is the shard's number among shards.
    """

    folder: Path
    shards: Mapping[str, Sequence[int]]
    block: int = 8
    names: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.names.extend(name for name, lengths in self.shards.items() if lengths)
        written = {name: self.write_shard(name, lengths) for name, lengths in self.shards.items()}
        index = index_of(self.folder / "many", written)
        words = [word for name in self.names for word in ("0.5", str(self.prefix(name)))]
        self.blend.write_text(json.dumps({"train": words, "valid": [], "test": []}))
        outputs = [Output.of(self.blend)]
        facts = BlendFacts(datasets={"many": BlendedDataset(1.0, 0, 0)}, pairs={})
        receipt = BlendReceipt.made(Run(), key=BLEND_KEY, inputs=[receipt_input(index)], outputs=outputs, facts=facts)
        receipt.write(self.blend_receipt)

    @property
    def blend(self) -> Path:
        return self.folder / "blend.json"

    @property
    def blend_receipt(self) -> Path:
        return self.folder / "blend.receipt.json"

    @property
    def index_cache(self) -> Path:
        return self.folder / "index_cache.json"

    def prefix(self, shard: str) -> Path:
        return self.folder / "many/train" / shard

    def write_shard(self, name: str, lengths: Sequence[int]) -> PairWriter:
        with PairWriter(Pair(self.prefix(name)), np.uint16) as writer:
            for length in lengths:
                writer.add(np.full(length, list(self.shards).index(name)), np.array([length]))
        return writer

    def data(self) -> SegmentData:
        """Of a first segment's spec."""
        content = read_receipt(self.blend_receipt).content
        return {
            "blend": content,
            "shares": {"many": 1.0},
            "block_tokens": self.block,
            "first_sample": 0,
            "consumed": {},
        }

    def key(self, seed: int = 7, length: int = 2, samples: int = 30) -> IndexCacheKey:
        """Of a segment that reads some epochs."""
        segments = [{"data": self.data(), "length": length, "samples": samples}]
        return IndexCacheKey(segments=segments, seed=seed, code="c")  # type: ignore[typeddict-item]

    def build(self, key: IndexCacheKey, streams: str = "streams", processes: int = 1) -> IndexCacheFacts:
        inputs = (self.blend, self.blend_receipt, key)
        build_index_cache(*inputs, self.folder / streams, self.index_cache, processes)
        return read_receipt(self.index_cache, IndexCacheReceipt).facts
