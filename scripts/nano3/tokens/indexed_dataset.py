"""
Megatron's indexed dataset: a pair of files, tokens in .bin and where documents begin in .idx.

    .bin   the tokens of all documents, one after the other, little-endian
    .idx   magic, version, type of a token, counts, then per sequence its length and byte offset, then per document
           the index of its first sequence. Here a document is one sequence.

Source: the layout that Megatron-Core's megatron.core.datasets.indexed_dataset writes and reads.
"""

import hashlib
import os
import struct
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from nano3 import Nano3Error
from nano3.artifact.files import replaced

MAGIC = b"MMIDIDX\x00\x00"
VERSION = 1
DTYPE_CODES: dict[int, type[np.integer[Any]]] = {4: np.int32, 8: np.uint16}
HEADER = struct.Struct("<9sQBQQ")
LARGEST_UINT16_VOCABULARY = 65_500


class PairError(Nano3Error):
    """A .bin/.idx pair is not what Megatron could read."""


class WrittenFile(NamedTuple):
    """A file of a pair as it was written. path: as it was given, relative to the repository."""

    path: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Pair:
    """A pair's place. prefix: its path without .bin or .idx, as blend.json lists it."""

    prefix: Path

    @property
    def bin(self) -> Path:
        """The tokens."""
        return self.prefix.with_name(self.prefix.name + ".bin")

    @property
    def idx(self) -> Path:
        """The index."""
        return self.prefix.with_name(self.prefix.name + ".idx")


def token_dtype(vocabulary: int) -> type[np.integer[Any]]:
    """Type of a token in .bin: uint16 where the vocabulary fits, else int32; Megatron-Core's rule."""
    return np.uint16 if vocabulary < LARGEST_UINT16_VOCABULARY else np.int32


class PairWriter:
    """
    Writes a pair under its final names only when the with block ends well.

    files: after the block, .bin and .idx with size and SHA-256, taken while writing. tokens, documents: what was added.
    """

    def __init__(self, pair: Pair, dtype: type[np.integer[Any]]) -> None:
        self.pair, self.dtype = pair, dtype
        self.tokens = 0
        self.files: list[WrittenFile] = []
        self._lengths: list[npt.NDArray[np.int32]] = []
        self._digest = hashlib.sha256()
        self._stack = ExitStack()

    @property
    def documents(self) -> int:
        """Documents added so far."""
        return sum(len(lengths) for lengths in self._lengths)

    def __enter__(self) -> "PairWriter":
        self._bin_aside = self._stack.enter_context(replaced(self.pair.bin))
        self._idx_aside = self._stack.enter_context(replaced(self.pair.idx))
        self._bin = self._stack.enter_context(open(self._bin_aside, "wb"))
        return self

    def add(self, tokens: npt.NDArray[Any], lengths: npt.NDArray[Any]) -> None:
        """
        Append documents, or a part of one. tokens: all documents end to end, any shape [tokens]. lengths: of the
        documents that end in them, shape [documents].

        Raises PairError for a token that is too large for the pair's type.
        """
        largest = int(tokens.max(initial=0))
        if largest > np.iinfo(self.dtype).max:
            raise PairError(
                f"{self.pair.bin}: token {largest} does not fit into {np.dtype(self.dtype).name}: the tokenizer has"
                " more ids than were counted"
            )
        same_size = tokens.itemsize == np.dtype(self.dtype).itemsize
        data = np.ascontiguousarray(tokens.view(self.dtype) if same_size else tokens.astype(self.dtype)).data
        self._bin.write(data)
        self._digest.update(data)
        self._lengths.append(lengths.astype(np.int32))
        self.tokens += len(tokens)

    def __exit__(self, kind: Any, error: Any, trace: Any) -> None:
        if kind is None:
            self._bin.close()
            index = index_bytes(np.concatenate([np.zeros(0, np.int32), *self._lengths]), self.dtype)
            self._idx_aside.write_bytes(index)
            bin_bytes = self.tokens * np.dtype(self.dtype).itemsize
            self.files = [
                WrittenFile(str(self.pair.bin), bin_bytes, self._digest.hexdigest()),
                WrittenFile(str(self.pair.idx), len(index), hashlib.sha256(index).hexdigest()),
            ]
        self._stack.__exit__(kind, error, trace)


def index_bytes(lengths: npt.NDArray[np.int32], dtype: type[np.integer[Any]]) -> bytes:
    """The whole .idx of documents with these lengths in tokens, shape [documents]."""
    code = next(code for code, known in DTYPE_CODES.items() if known is dtype)
    count = len(lengths)
    offsets = np.zeros(count, dtype=np.int64)
    np.cumsum(lengths[:-1], dtype=np.int64, out=offsets[1:])
    offsets *= np.dtype(dtype).itemsize
    header = HEADER.pack(MAGIC, VERSION, code, count, count + 1)
    return (
        header
        + lengths.astype("<i4").tobytes()
        + offsets.astype("<i8").tobytes()
        + np.arange(count + 1, dtype="<i8").tobytes()
    )


@dataclass(frozen=True)
class PairReader:
    """A pair's tokens, mapped, and its documents' lengths, shape [documents]."""

    tokens: npt.NDArray[Any]
    lengths: npt.NDArray[np.int32]

    @classmethod
    def open(cls, pair: Pair) -> "PairReader":
        """Raises PairError if the two files are not a whole pair."""
        lengths, dtype = read_lengths(pair)
        size, expected = pair.bin.stat().st_size, int(lengths.sum(dtype=np.int64)) * np.dtype(dtype).itemsize
        if size != expected:
            raise _broken(pair, f"{pair.bin}: {size} bytes where its index counts {expected}")
        tokens = np.memmap(pair.bin, dtype=dtype, mode="r") if size else np.zeros(0, dtype=dtype)
        return cls(tokens, lengths)

    def documents(self) -> Iterator[npt.NDArray[Any]]:
        """The tokens of each document, shape [its length]."""
        end = 0
        for length in self.lengths:
            yield self.tokens[end : end + length]
            end += int(length)


def read_lengths(pair: Pair) -> tuple[npt.NDArray[np.int32], type[np.integer[Any]]]:
    """
    A pair's documents' lengths, shape [documents], and the type of its tokens; the rest of .idx follows from these.

    Raises PairError if .idx is not a whole index.
    """
    with pair.idx.open("rb") as file:
        header = file.read(HEADER.size)
        if len(header) < HEADER.size or header[:9] != MAGIC:
            raise _broken(pair, f"{pair.idx}: not a Megatron index")
        _, version, code, sequences, documents = HEADER.unpack(header)
        if version != VERSION or code not in DTYPE_CODES or documents != sequences + 1:
            raise _broken(pair, f"{pair.idx}: version {version}, token type {code}: not written by this project")
        size = os.fstat(file.fileno()).st_size
        if size != HEADER.size + sequences * 12 + documents * 8:
            raise _broken(pair, f"{pair.idx}: {size} bytes do not hold {sequences} documents")
        return np.frombuffer(file.read(4 * sequences), dtype="<i4"), DTYPE_CODES[code]


def _broken(pair: Pair, what: str) -> PairError:
    return PairError(f"{what}: delete it and build it again with `snakemake {pair.bin}`")
