"""
A peer and the oracle: JSON lines to a Megatron pair as Megatron-LM's tools/preprocess_data.py goes about it. Worker
processes read lines and encode one document at a time with Hugging Face's `tokenizers`; the parent appends to
megatron-core's own IndexedDatasetBuilder.

usage: megatron_peer.py LINES TOKENIZER END_ID PREFIX WORKERS
"""

import json
import multiprocessing
import sys
from pathlib import Path

from tokenizers import Tokenizer

LINES_PER_TASK = 32

tokenizer: Tokenizer
end: int


def load(file: str, end_id: int) -> None:
    """Give a worker its tokenizer. Control tokens that a text spells out are its characters, as in our recipes."""
    global tokenizer, end
    tokenizer, end = Tokenizer.from_file(file), end_id
    tokenizer.encode_special_tokens = True


def encode(line: str) -> list[int]:
    """A row's ids with the end-of-document token."""
    return [*tokenizer.encode(json.loads(line)["text"], add_special_tokens=False).ids, end]


def preprocess(lines: Path, file: str, end_id: int, prefix: Path, workers: int) -> None:
    """All rows of a file of JSON lines as a pair."""
    from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder

    dtype = DType.optimal_dtype(Tokenizer.from_file(file).get_vocab_size())
    builder = IndexedDatasetBuilder(str(prefix.with_suffix(".bin")), dtype=dtype)
    fork = multiprocessing.get_context("fork")
    with fork.Pool(workers, load, (file, end_id)) as pool, lines.open(encoding="utf-8") as rows:
        for ids in pool.imap(encode, rows, LINES_PER_TASK):
            builder.add_document(ids, [len(ids)])
    builder.finalize(str(prefix.with_suffix(".idx")))


if __name__ == "__main__":
    preprocess(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]), int(sys.argv[5]))
