"""A segment's samples: Megatron-Core's datasets on our blend, from the segment's first sample on."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from megatron.core.datasets.blended_megatron_dataset_builder import BlendedMegatronDatasetBuilder
from megatron.core.datasets.gpt_dataset import GPTDataset, GPTDatasetConfig
from torch import Tensor

from nano3.blend import dataset_of


@dataclass(frozen=True)
class Vocabulary:
    """What Megatron's datasets ask of a tokenizer when no mask depends on a token."""

    vocab_size: int
    eod: int = -1
    pad: int = -2

    @property
    def unique_identifiers(self) -> dict[str, Any]:
        """Part of the name of Megatron's index cache."""
        return {"class": "Vocabulary", "vocab_size": self.vocab_size}


@dataclass(frozen=True)
class Samples:
    """Training samples of a phase, and held-out samples of each of its datasets."""

    train: Any
    train_prefixes: list[str]
    held_out: dict[str, Any]

    @classmethod
    def build(
        cls,
        blend: Path,
        cache: Path,
        *,
        length: int,
        train_samples: int,
        held_out_samples: int,
        vocabulary: int,
        seed: int,
    ) -> "Samples":
        """
        blend: the phase's blend.json. cache: folder for Megatron's indices, named by the blend's content, for
        Megatron itself looks only at paths. length: tokens per sample. Needs an initialised process group.
        """
        splits = json.loads(blend.read_text(encoding="utf-8"))
        train, valid = (_prefixes_and_weights(splits[split]) for split in ("train", "valid"))
        config = GPTDatasetConfig(
            random_seed=seed,
            sequence_length=length,
            blend_per_split=[train, valid, None],
            multiple_validation_sets=True,
            path_to_cache=str(cache),
            tokenizer=Vocabulary(vocabulary),
            reset_position_ids=False,
            reset_attention_mask=False,
            eod_mask_loss=False,
            create_attention_mask=False,
        )
        sizes = [train_samples, held_out_samples, None]
        blended, held_out, _ = BlendedMegatronDatasetBuilder(GPTDataset, sizes, lambda: True, config).build()
        sets = held_out if isinstance(held_out, list) else [held_out]
        names = [dataset_of(prefix, "valid") for prefix in valid[0]]
        return cls(blended, train[0], dict(zip(names, sets, strict=True)))

    def realized(self, first: int, count: int) -> dict[str, int]:
        """Samples of each dataset among count samples from first on."""
        if len(self.train_prefixes) == 1:
            return {dataset_of(self.train_prefixes[0], "train"): count}
        pairs = Counter(self.train.dataset_index[first : first + count].tolist())
        drawn: Counter[str] = Counter()
        for pair, samples in pairs.items():
            drawn[dataset_of(self.train_prefixes[pair], "train")] += samples
        return dict(sorted(drawn.items()))


@dataclass(frozen=True)
class Batch:
    """Sequences for one forward pass: tokens and what follows each of them, shape [sequences, length]."""

    tokens: Tensor
    labels: Tensor


def batches(dataset: Any, first: int, count: int, most: int) -> Iterator[Batch]:
    """The samples from first to first + count, in micro-batches of at most `most` sequences."""
    for start in range(first, first + count, most):
        samples = [dataset[index] for index in range(start, min(start + most, first + count))]
        yield Batch(
            *(torch.stack([torch.as_tensor(sample[key]) for sample in samples]) for key in ("tokens", "labels"))
        )


def _prefixes_and_weights(words: list[str]) -> tuple[list[str], list[float]]:
    return words[1::2], [float(weight) for weight in words[0::2]]
