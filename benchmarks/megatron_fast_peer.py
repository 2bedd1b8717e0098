"""
A peer: JSON lines to a Megatron pair as Megatron-LM's newer tools/preprocess_data_fast.py goes about it. gigatoken
reads and encodes the whole file on all cores, and megatron-core's own IndexedDatasetBuilder writes all ids at once. The
ids, and copies of them with the end-of-document tokens, are in memory together.

A text that spells out a control token gets that token: so does the tool.

usage: megatron_fast_peer.py LINES TOKENIZER END_ID PREFIX
"""

import sys
from pathlib import Path

import awkward as ak
import gigatoken
import numpy as np


def preprocess(lines: Path, file: str, end_id: int, prefix: Path) -> None:
    """All rows of a file of JSON lines as a pair."""
    from megatron.core.datasets.indexed_dataset import DType, IndexedDatasetBuilder

    tokenizer = gigatoken.Tokenizer(file)
    documents = tokenizer.encode_files(gigatoken.JsonlFileSource([lines], field="text"), parallel=True)
    dtype = DType.optimal_dtype(tokenizer.vocab_size)
    lengths = ak.to_numpy(ak.num(documents))
    ids = np.insert(ak.to_numpy(ak.flatten(documents)).astype(dtype), np.cumsum(lengths), end_id)
    builder = IndexedDatasetBuilder(str(prefix.with_suffix(".bin")), dtype=dtype)
    builder.add_document(ids, (lengths + 1).tolist())  # in one piece, as a document of many sequences
    builder.document_indices = list(range(len(lengths) + 1))  # each sequence is a document
    builder.finalize(str(prefix.with_suffix(".idx")))


if __name__ == "__main__":
    preprocess(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
