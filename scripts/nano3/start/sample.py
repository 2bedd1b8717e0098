"""
Which texts stand for a dataset? Some of some of its files, spread over both; always the same ones for the same data.

Of each chosen file every n-th row is taken up to a share of the bytes; n is such that the share reaches through the
file, as far as that is read. So memory and time are bounded, however large the dataset is.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from nano3.formats.readers import read_text
from nano3.raw.datasets import Dataset, Shard

FEW, MOST_FILES = 16, 4096
REACH = 32  # bytes that may be read of a file for each that is taken


@dataclass(frozen=True)
class TextSample:
    """texts: of some rows, long ones cut. rows: that were looked at for them. bytes: of the texts of these, whole."""

    texts: list[str]
    rows: int
    bytes: int

    @property
    def taken(self) -> int:
        """Bytes of the texts."""
        return sum(len(text.encode()) for text in self.texts)


def sample_texts(dataset: Dataset, shards: Sequence[Shard], most_bytes: int) -> TextSample:
    """
    A sample of a local dataset. shards: pinned ones, with rows. most_bytes: of all texts.

    Raises TextError for a file that can't be read.
    """
    full = [shard for shard in shards if shard.rows]
    places = _places(full, most_bytes)
    texts, rows, size = list[str](), 0, 0
    for left, place in zip(range(len(places), 0, -1), places, strict=True):
        shard = full[place]
        share = max(1, (most_bytes - sum(len(text.encode()) for text in texts)) // left)
        for text in _spread(dataset, shard, share):
            rows += 1
            whole = (text or "").encode()
            size += len(whole)
            if whole:
                texts.append(whole[:share].decode(errors="ignore"))
    return TextSample(texts, rows, size)


def _places(shards: Sequence[Shard], most_bytes: int) -> list[int]:
    """Which files are looked at, spread over all: FEW of them, or as many small ones as hold so many bytes."""
    enough = math.ceil(most_bytes * len(shards) / max(1, sum(shard.bytes for shard in shards))) if shards else 0
    count = min(len(shards), max(FEW, enough), MOST_FILES)
    return sorted({round(place * (len(shards) - 1) / max(1, count - 1)) for place in range(count)})


def _spread(dataset: Dataset, shard: Shard, share: int) -> Iterator[str | None]:
    """Texts of rows that are spread over a file, up to a share of bytes; None for a row without text."""
    row, taken, wanted, step = 0, 0, 0, 0
    for batch in read_text(Path(shard.path), dataset.text_source, None, []):
        if not step:
            mean = max(1.0, batch.nbytes / len(batch))
            within = min(shard.rows or 0, REACH * share / mean)
            step = max(1, int(within * mean / share))
        while wanted < row + len(batch):
            text = batch[wanted - row].as_py()
            yield text
            taken += len(text.encode()) if text else 0
            if taken >= share:
                return
            wanted += step
        row += len(batch)
