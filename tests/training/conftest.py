"""A corpus and a network small enough to train inside a test."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest

from nano3.artifact.digest import digest_json
from nano3.artifact.receipt import Output, Run
from nano3.artifact.steps import (
    BlendedDataset,
    BlendFacts,
    BlendReceipt,
    IndexCacheKey,
    IndexFacts,
    IndexReceipt,
    SegmentSamples,
    ShardsDigest,
    Spec,
    SplitCount,
)
from nano3.corpus.shard_table import ShardEntry, digest_entries, write_entries
from nano3.sampling.index_cache import build_index_cache
from nano3.tokens.indexed_dataset import Pair, PairWriter
from tests.receipts import BLEND_KEY, INDEX_KEY, receipt_input

MODEL = {
    "hybrid_override_pattern": "ME*",
    "vocab_size": 64,
    "hidden_size": 32,
    "num_attention_heads": 4,
    "num_query_groups": 2,
    "kv_channels": 8,
    "mamba_num_heads": 4,
    "mamba_head_dim": 16,
    "mamba_state_dim": 8,
    "mamba_num_groups": 2,
    "num_moe_experts": 4,
    "moe_router_topk": 2,
    "moe_ffn_hidden_size": 16,
    "moe_shared_expert_intermediate_size": 32,
    "moe_router_topk_scaling_factor": 2.5,
    "moe_router_bias_update_rate": 1e-3,
    "moe_aux_loss_coeff": 1e-4,
    "layernorm_epsilon": 1e-5,
    "init_method_std": 0.05,
}
OPTIMIZER = {"adam_beta1": 0.9, "adam_beta2": 0.95, "adam_eps": 1e-8, "weight_decay": 0.1, "clip_grad": 1.0}
LENGTH, BATCH = 16, 4
LONG = 512  # tokens of a sample that no validation set has
SHARES = {"plain": 0.7, "shifted": 0.3}


def index_cache_key(spec: Spec, samples: int) -> IndexCacheKey:
    """The key of an index cache for the first samples of a spec's stream."""
    segment: SegmentSamples = {"data": spec["data"], "length": spec["batch"]["sequence_length"], "samples": samples}
    return {"segments": [segment], "seed": spec["seed"], "code": "c"}


@dataclass(frozen=True)
class Corpus:
    """A blend of two datasets, `plain` and `shifted`, whose tokens tell them apart: below 30, and from 30 on."""

    folder: Path

    @property
    def blend(self) -> Path:
        return self.folder / "blend.json"

    @property
    def blend_receipt(self) -> Path:
        return self.folder / "blend.receipt.json"

    def spec(self, steps: int = 8, **changes: Any) -> Spec:
        """The spec of a first segment."""
        spec = {
            "numerics_version": 1,
            "model": MODEL,
            "optimizer": OPTIMIZER,
            "precision": "fp32",
            "seed": 7,
            "learning_rate": {"peak": 1e-2, "warmup_tokens": 2 * BATCH * LENGTH},
            "steps": {"first": 0, "count": steps, "first_token": 0},
            "batch": {"global_batch_size": BATCH, "sequence_length": LENGTH},
            "data": {
                "blend": json.loads(self.blend_receipt.read_text())["content"],
                "shares": SHARES,
                "block_tokens": 10 * LENGTH,
                "first_sample": 0,
                "consumed": {},
            },
            "before": None,
        }
        return cast(Spec, spec | changes)

    def long_spec(self) -> Spec:
        """The spec of a segment whose samples are longer than any validation set."""
        data = {**self.spec()["data"], "block_tokens": 2 * LONG}
        return self.spec(steps=2, batch={"global_batch_size": 1, "sequence_length": LONG}, data=data)

    def indexed(self, spec: Spec) -> Path:
        """The receipt of an index cache for a spec."""
        samples = spec["steps"]["count"] * spec["batch"]["global_batch_size"]
        key = index_cache_key(spec, samples)
        receipt = self.folder / f"index_cache_{digest_json(key)[:12]}.json"
        build_index_cache(self.blend, self.blend_receipt, key, self.folder / "streams", receipt)
        return receipt

    def arguments(self, name: str, spec: Spec, **changes: Any) -> dict[str, Any]:
        """What train_segment is called with; artifacts lie in a folder called name."""
        out = self.folder / name
        return {
            "spec": spec,
            "phase": "phase1",
            "segment": "only",
            "blend": self.blend,
            "blend_receipt": self.blend_receipt,
            "index_cache": changes.get("index_cache") or self.indexed(spec),
            "before": [],
            "weights": out / "weights",
            "receipt": out / "receipt.json",
            "metrics": out / "metrics.jsonl",
            "evaluation_tokens": 4 * LENGTH,
            "layout": {"micro_batch_tokens": BATCH * LENGTH, "threads": 1},
            "threads": 1,
            "save_interval": 3,
            "attempt": 1,
        } | changes


def trained(arguments: dict[str, Any]) -> dict[str, Any]:
    """Train a segment; returns its receipt."""
    from nano3.training.segment import train_segment

    train_segment(**arguments)
    receipt: dict[str, Any] = json.loads(arguments["receipt"].read_text())
    return receipt


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    folder = tmp_path_factory.mktemp("corpus")
    random = np.random.default_rng(0)
    splits: dict[str, list[str]] = {"train": [], "valid": [], "test": []}
    indexes = []
    for dataset, share in SHARES.items():
        first = 30 if dataset == "shifted" else 0
        for split, name in (("train", "train/only"), ("valid", "valid"), ("test", "test")):
            prefix = folder / dataset / name
            with PairWriter(Pair(prefix), np.uint16) as writer:
                for _ in range(60 if split == "train" else 10):
                    length = int(random.integers(5, 60))
                    document = first + (int(random.integers(30)) + np.arange(length)) % 30
                    writer.add(document, np.array([length]))
            splits[split] += [str(share), str(prefix)]
            if split == "train":
                indexes.append(index_of(folder / dataset, {"only": writer}))
    built = Corpus(folder)
    built.blend.write_text(json.dumps(splits))
    outputs = [Output.of(built.blend)]
    facts = BlendFacts(datasets={name: BlendedDataset(share, 0, 0) for name, share in SHARES.items()}, pairs={})
    inputs = [receipt_input(index) for index in indexes]
    BlendReceipt.made(Run(), key=BLEND_KEY, inputs=inputs, outputs=outputs, facts=facts).write(built.blend_receipt)
    return built


def index_of(folder: Path, pairs: Mapping[str, PairWriter]) -> Path:
    """The index of a dataset. pairs: by shard."""
    entries = []
    for shard, pair in pairs.items():
        tokens, documents = (output.sha256 for output in pair.files)
        entries.append(
            ShardEntry(
                shard, "", "", "", pair.tokens, pair.documents, 0, 0, 0, 0, tokens, documents, "", 0, 0, "", 0, 0, 0
            )
        )
    write_entries(folder, entries)
    nothing = SplitCount(0, 0)
    facts = IndexFacts(
        tokens=sum(pair.tokens for pair in pairs.values()),
        documents=sum(pair.documents for pair in pairs.values()),
        rows=0,
        skipped=0,
        shards=ShardsDigest(len(entries), digest_entries(entries)),
        valid=nothing,
        test=nothing,
    )
    path = folder / "index.json"
    outputs = [Output(*file) for pair in pairs.values() for file in pair.files]
    IndexReceipt.made(Run(), key=INDEX_KEY, inputs=[], outputs=outputs, facts=facts).write(path)
    return path
