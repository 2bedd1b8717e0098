"""How do Megatron-Core's trainers read a segment's samples? As a torch Dataset of its part of the streams."""

import json
import resource
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from megatron.core.datasets.indexed_dataset import IndexedDataset
from torch import Tensor
from torch.utils.data import Dataset

from nano3.artifact.steps import SegmentData
from nano3.sampling.blend_json import dataset_of, train_prefixes
from nano3.sampling.index_cache import DatasetStream, EpochIndex, open_streams
from nano3.sampling.interleave import Numbers
from nano3.sampling.sampler import SamplePlace, SegmentSampler
from nano3.sampling.streams import boundaries, document_order, ranges

Sample = dict[str, Tensor]
OTHER_FILES = 256  # that a training process has open as well


class TrainSamples(Dataset[Sample]):
    """
    The samples of a segment; number 0 is its first.

    Each is what Megatron-Core's GPTDataset gives: tokens and labels, int64 [length]; loss_mask, float32 [length], all
    ones, because an end of document is predicted like any token; position_ids, int64 [length]. It only opens the index
    cache. data: of the segment's spec. length: tokens of a sample. count: samples. seed: of the training. Raises
    IndexCacheError if the index cache is missing.
    """

    def __init__(
        self, blend: Path, folders: Mapping[str, str], data: SegmentData, length: int, count: int, seed: int
    ) -> None:
        self.length, self.count = length, count
        self._streams: dict[str, DatasetStream] = open_streams(blend, folders)
        tokens = {name: stream.pools.tokens for name, stream in self._streams.items()}
        self.sampler = SegmentSampler(data, length, seed, tokens)
        self._epochs: dict[tuple[str, int], EpochIndex] = {}
        for name, (first, last) in self.sampler.epochs(count).items():
            for epoch in range(first, last + 1):
                self._epoch(name, epoch)

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Sample:
        if not 0 <= number < self.count:
            raise IndexError(f"sample {number} of {self.count}")
        return _sample(self.read(self.sampler.at(number, 1)[0]))

    def read(self, place: SamplePlace) -> Numbers:
        """The tokens of a sample and the one after it, shape [length + 1]."""
        stream = self._streams[place.dataset]
        order, offsets = self._epoch(place.dataset, place.epoch).of(place.pool)
        parts = []
        for number, token, tokens in ranges(offsets, place.begin, self.length + 1):
            pair, document = stream.pools.document(place.pool, int(order[number]))
            parts.append(_pair(stream.prefixes[pair]).get(document, offset=token, length=tokens))
        return np.concatenate(parts, dtype=np.int64)

    def _epoch(self, dataset: str, number: int) -> EpochIndex:
        if (dataset, number) not in self._epochs:
            self._epochs[dataset, number] = self._streams[dataset].epoch(number)
        return self._epochs[dataset, number]


class ValidationSamples(Dataset[Sample]):
    """
    The first samples of a validation pair, at most `most`, its documents in a fixed order.

    prefix: of the pair. length: tokens of a sample. tokens: of the whole pair.
    """

    def __init__(self, prefix: str, length: int, most: int) -> None:
        self.length, self._pair = length, _pair(prefix)
        lengths = self._pair.sequence_lengths
        self._order = document_order(len(lengths), seed=0)
        self._offsets = boundaries(lengths[self._order])
        self.tokens = int(self._offsets[-1])
        self.count = max(0, min(most, (self.tokens - 1) // length))

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, number: int) -> Sample:
        if not 0 <= number < self.count:
            raise IndexError(f"sample {number} of {self.count}")
        parts = [
            self._pair.get(int(self._order[document]), offset=token, length=tokens)
            for document, token, tokens in ranges(self._offsets, number * self.length, self.length + 1)
        ]
        return _sample(np.concatenate(parts, dtype=np.int64))


@dataclass(frozen=True)
class ValidationSets:
    """The validation sets of a blend by dataset: samples of each, and the tokens of those shorter than a sample."""

    samples: dict[str, ValidationSamples]
    skipped: dict[str, int]


def validation_sets(blend: Path, length: int, tokens: int) -> ValidationSets:
    """
    The validation sets of a blend. length: tokens of a sample. tokens: of each set, at least one sample.

    A dataset without a validation document has a set of 0 tokens.
    """
    prefixes = json.loads(blend.read_text(encoding="utf-8"))["valid"][1::2]
    sets = {
        dataset_of(prefix, "valid"): ValidationSamples(prefix, length, max(1, tokens // length)) for prefix in prefixes
    }
    there = {dataset: samples.tokens for dataset, samples in sets.items()}
    return ValidationSets(
        {dataset: samples for dataset, samples in sets.items() if len(samples)},
        {dataset: there.get(dataset, 0) for dataset in train_prefixes(blend) if there.get(dataset, 0) <= length},
    )


@dataclass(frozen=True)
class MicroBatch:
    """Sequences for one forward pass: tokens and their labels, the next tokens, shape [sequences, length]."""

    tokens: Tensor
    labels: Tensor


def batches(dataset: Any, first: int, count: int, most: int) -> Iterator[MicroBatch]:
    """The samples from first to first + count, in micro-batches of at most `most` sequences."""
    for start in range(first, first + count, most):
        samples = [dataset[index] for index in range(start, min(start + most, first + count))]
        yield MicroBatch(*(torch.stack([sample[key] for sample in samples]) for key in ("tokens", "labels")))


def _most_pairs() -> int:
    """Pairs that may be open at once, at up to two files each. Raises the process's limit of open files to its most."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    return max(1, (most - OTHER_FILES) // 2)


@lru_cache(maxsize=_most_pairs())  # a blend can have tens of thousands; each is mapped when it is first read
def _pair(prefix: str) -> IndexedDataset:
    return IndexedDataset(prefix, multimodal=False, mmap=True)


def _sample(tokens: Numbers) -> Sample:
    text = torch.from_numpy(tokens)
    return {
        "tokens": text[:-1].contiguous(),
        "labels": text[1:].contiguous(),
        "loss_mask": torch.ones(len(tokens) - 1),
        "position_ids": torch.arange(len(tokens) - 1),
    }
