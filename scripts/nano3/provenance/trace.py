"""
Which raw rows were in an optimizer step, and in which steps was a raw row?

Both answers are exact: a checkpoint's spec locates each sample in its streams (nano3.sampling.sampler), the index cache
the documents there, and a shard's receipt the row of each document. Only receipts, the index cache and, for text,
tokens are read.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt

from nano3 import Nano3Error
from nano3.artifact.steps import BlendReceipt, IndexCacheReceipt, SegmentReceipt, ShardReceipt, read_receipt
from nano3.sampling.index_cache import DatasetStream, EpochIndex, open_streams
from nano3.sampling.sampler import SamplePlace, SegmentSampler
from nano3.sampling.streams import ranges
from nano3.tokens.indexed_dataset import Pair, PairReader, read_lengths
from nano3.training.spec import SAMPLES_SINCE


class TraceError(Nano3Error):
    """A step or a row does not exist."""


@dataclass(frozen=True)
class Piece:
    """
    A document, or a part of one, in a sample.

    step: counted from the beginning of training, as in metrics.jsonl. sequence: its place in the global batch, from 0.
    position: its first token in the sequence. raw, origin, sha256: the raw file, where it came from, and its digest.
    row_index: of the raw file, from 0; people count from 1. token, tokens: its first token in the document, and how
    many. text: of these tokens, if requested.
    """

    phase: str
    segment: str
    step: int
    sequence: int
    position: int
    dataset: str
    epoch: int
    shard: str
    raw: str
    origin: str
    sha256: str
    row_index: int
    token: int
    tokens: int
    text: str | None = None


@dataclass(frozen=True)
class Occurrence:
    """A sample that a row was trained in: its step, its place in the global batch, and the row's tokens in it."""

    phase: str
    segment: str
    step: int
    sequence: int
    epoch: int
    token: int
    tokens: int


@dataclass(frozen=True)
class Row:
    """
    What became of a raw row. row_index: from 0. fate: training, valid, test or skipped. tokens: of a training document,
    else None.
    """

    dataset: str
    shard: str
    raw: str
    origin: str
    sha256: str
    row_index: int
    fate: str
    tokens: int | None
    occurrences: tuple[Occurrence, ...]


class TracedSegment:
    """A trained segment, by its receipt."""

    def __init__(self, receipt: Path) -> None:
        self.receipt = read_receipt(receipt, SegmentReceipt)
        self.spec, facts = self.receipt.key, self.receipt.facts
        self.phase, self.name = facts.phase, facts.segment
        self.first, self.count = self.spec["steps"]["first"], self.spec["steps"]["count"]
        self.size, self.length = self.spec["batch"]["global_batch_size"], self.spec["batch"]["sequence_length"]

    @property
    def steps(self) -> range:
        """Its steps, counted from the beginning of training."""
        return range(self.first, self.first + self.count)

    @cached_property
    def streams(self) -> dict[str, DatasetStream]:
        """
        The streams of its datasets. Raises IndexCacheError if they are missing, TraceError if its samples lay elsewhere
        when it was trained.
        """
        version = self.spec["numerics_version"]
        if version < SAMPLES_SINCE:
            raise TraceError(
                f"{self.phase}/{self.name}: was trained when samples were read in another order (numerics_version "
                f"{version}, this code traces {SAMPLES_SINCE} and later): trace it with the commit of its receipt"
            )
        receipts = [*map(read_receipt, self._inputs())]
        blend = next(each.outputs[0].path for each in receipts if isinstance(each, BlendReceipt))
        folders = next(each.facts.folders for each in receipts if isinstance(each, IndexCacheReceipt))
        return open_streams(Path(blend), folders)

    @cached_property
    def sampler(self) -> SegmentSampler:
        """Locates its samples."""
        tokens = {name: stream.pools.tokens for name, stream in self.streams.items()}
        return SegmentSampler(self.spec["data"], self.length, self.spec["seed"], tokens)

    @cache  # noqa: B019 (a tracing process is short-lived)
    def epoch(self, dataset: str, number: int) -> EpochIndex:
        """An epoch of one of its datasets."""
        return self.streams[dataset].epoch(number)

    def _inputs(self) -> Iterator[str]:
        return (source.path for source in self.receipt.inputs if source.kind == "receipt")


class TracedShard:
    """
    A token pair's way back to its raw file. fates: of the rows that are not training documents, by row. All other rows
    are the documents of the pair, in order.
    """

    def __init__(self, prefix: str) -> None:
        receipt = read_receipt(f"{prefix}.json", ShardReceipt)
        facts, (raw, tokenizer) = receipt.facts, receipt.inputs
        self.pair, self.name, self.rows = Pair(Path(prefix)), Path(prefix).name, facts.rows
        self.raw, self.origin, self.sha256 = raw.path, facts.origin, raw.digest
        self.tokenizer = Path(tokenizer.path)
        self.fates = {row: fate for fate in ("valid", "test", "skipped") for row in getattr(facts, fate)}
        self._outside = np.array(sorted(self.fates), dtype=np.int64)
        self._documents_before = self._outside - np.arange(len(self._outside))

    def row(self, document: int) -> int:
        """The raw row of a document of the pair."""
        return document + int(np.searchsorted(self._documents_before, document, side="right"))

    def document(self, row: int) -> int:
        """The document of the pair that a raw row became. row: of a training document."""
        return row - int(np.searchsorted(self._outside, row))

    @cached_property
    def lengths(self) -> npt.NDArray[np.int32]:
        """Tokens of each document, shape [documents]."""
        return read_lengths(self.pair)[0]

    def text(self, document: int, token: int, tokens: int) -> str:
        """The text of a range of a document's tokens, decoded from the tokens that were trained on."""
        import tokenizers

        begin = int(self.lengths[:document].sum(dtype=np.int64)) + token
        ids = PairReader.open(self.pair).tokens[begin : begin + tokens].tolist()
        text: str = tokenizers.Tokenizer.from_file(str(self.tokenizer)).decode(ids, skip_special_tokens=False)
        return text


def segments(checkpoints: Path) -> list[TracedSegment]:
    """The trained segments of a recipe in the order of training. checkpoints: its folder, results/checkpoints/NAME."""
    trained = [TracedSegment(path) for path in checkpoints.glob("*/*/receipt.json")]
    if not trained:
        raise TraceError(f"{checkpoints}: no trained segments: name a trained recipe with --recipe")
    return sorted(trained, key=lambda segment: segment.first)


def trace_steps(
    trained: Sequence[TracedSegment], first: int, last: int, phase: str | None = None, text: bool = False
) -> Iterator[Piece]:
    """
    The documents of the steps from first to last, counted from the beginning of training, in the order of the batch.

    phase: if given, the steps must be of it. text: decode it. Raises TraceError for a step that was not trained.
    """
    candidates = [segment for segment in trained if phase in (None, segment.phase)]
    if not candidates:
        phases = ", ".join(dict.fromkeys(each.phase for each in trained))
        raise TraceError(f"phase {phase}: not trained: name one of: {phases}")
    for step in range(first, last + 1):
        segment = next((each for each in candidates if step in each.steps), None)
        if segment is None:
            where = f"of {phase}" if phase else "that were trained"
            low, high = candidates[0].steps.start, candidates[-1].steps.stop - 1
            raise TraceError(f"step {step}: not among the steps {where}, {low} to {high}")
        yield from _step(segment, step, text)


def _step(segment: TracedSegment, step: int, text: bool) -> Iterator[Piece]:
    for sequence, place in enumerate(segment.sampler.at((step - segment.first) * segment.size, segment.size)):
        stream = segment.streams[place.dataset]
        order, offsets = segment.epoch(place.dataset, place.epoch).of(place.pool)
        position = 0
        for number, token, tokens in ranges(offsets, place.begin, segment.length):
            pair, document = stream.pools.document(place.pool, int(order[number]))
            shard = _shard(stream.prefixes[pair])
            yield Piece(
                segment.phase,
                segment.name,
                step,
                sequence,
                position,
                place.dataset,
                place.epoch,
                shard.name,
                shard.raw,
                shard.origin,
                shard.sha256,
                shard.row(document),
                token,
                tokens,
                shard.text(document, token, tokens) if text else None,
            )
            position += tokens


def trace_row(trained: Sequence[TracedSegment], dataset: str, file: str, row_index: int) -> Row:
    """
    The samples in which a raw row was trained.

    file: the shard's name, or its raw file or origin, or the end of either. row_index: from 0.
    Raises TraceError if no phase has the dataset, or it has no such file or row.
    """
    users = [segment for segment in trained if dataset in segment.streams]
    if not users:
        names = sorted({name for segment in trained for name in segment.streams})
        raise TraceError(f"dataset {dataset}: no segment was trained on it: name one of: {', '.join(names)}")
    prefix = _prefix(users[0].streams[dataset].prefixes, dataset, file)
    shard = _shard(prefix)
    if not 0 <= row_index < shard.rows:
        raise TraceError(f"row {row_index + 1}: {shard.raw} has rows 1 to {shard.rows}, counted from 1")
    fate = shard.fates.get(row_index, "training")
    occurrences: list[Occurrence] = []
    tokens = None
    if fate == "training":
        document = shard.document(row_index)
        tokens = int(shard.lengths[document])
        for segment in users:
            pair = segment.streams[dataset].prefixes.index(prefix)
            occurrences += _occurrences(segment, dataset, pair, document)
    return Row(dataset, shard.name, shard.raw, shard.origin, shard.sha256, row_index, fate, tokens, tuple(occurrences))


def _occurrences(segment: TracedSegment, dataset: str, pair: int, document: int) -> list[Occurrence]:
    """The samples of a segment that hold some of a document's tokens."""
    occurrences = []
    pool, number = segment.streams[dataset].pools.number(pair, document)
    first, last = segment.sampler.epochs(segment.count * segment.size).get(dataset, (0, -1))
    for epoch in range(first, last + 1):
        order, offsets = segment.epoch(dataset, epoch).of(pool)
        place = int(np.flatnonzero(order == number)[0])
        begin, end = int(offsets[place]), int(offsets[place + 1])
        for sample, start in segment.sampler.holding(SamplePlace(dataset, epoch, pool, begin), end):
            step, sequence = divmod(sample, segment.size)
            if step < segment.count:
                token = max(begin, start)
                tokens = min(end, start + segment.length) - token
                where = (segment.phase, segment.name, segment.first + step, sequence, epoch)
                occurrences.append(Occurrence(*where, token - begin, tokens))
    return sorted(occurrences, key=lambda each: (each.step, each.sequence, each.token))


def _prefix(prefixes: Sequence[str], dataset: str, file: str) -> str:
    """The pair of a raw file."""
    matches = [prefix for prefix in prefixes if Path(prefix).name == file] or [
        prefix for prefix in prefixes if _ends(_shard(prefix).raw, file) or _ends(_shard(prefix).origin, file)
    ]
    if len(matches) != 1:
        names = ", ".join(Path(prefix).name for prefix in (matches or prefixes)[:5])
        number = "several shards" if matches else "no shard with tokens"
        raise TraceError(f"{file}: {number} of {dataset}: name a shard, e.g. {names}")
    return matches[0]


def _ends(path: str, file: str) -> bool:
    return path == file or path.endswith(f"/{file}")


@cache
def _shard(prefix: str) -> TracedShard:
    return TracedShard(prefix)
