"""
Do pairs hold the documents that they should? The benchmark ends where one does not.

Ours must have the bytes of the pair that megatron-core's own builder writes from Hugging Face's ids. A peer that parses
control tokens in a text may differ in the documents that spell one out, and in no other.
"""

import hashlib
import json
import sys
import warnings
from collections.abc import Sequence
from itertools import islice
from pathlib import Path

import numpy as np

import tekken
from nano3.artifact.digest import digest_file
from nano3.tokens.indexed_dataset import Pair, PairReader, read_lengths


def same_files(ours: Pair, theirs: Pair, what: str) -> None:
    """End the program unless two pairs have the same bytes. what: how ours was made."""
    for mine, other in ((ours.bin, theirs.bin), (ours.idx, theirs.idx)):
        if digest_file(mine) != digest_file(other):
            sys.exit(f"{mine}: {what}: not the bytes of {other}")


def same_documents(pairs: Sequence[Pair], theirs: Pair) -> None:
    """End the program unless pairs, one after the other, have the bytes of another one."""
    digest = hashlib.sha256()
    for pair in pairs:
        digest.update(pair.bin.read_bytes())
    lengths = np.concatenate([read_lengths(pair)[0] for pair in pairs])
    if digest.hexdigest() != digest_file(theirs.bin) or not np.array_equal(lengths, read_lengths(theirs)[0]):
        sys.exit(f"{pairs[0].prefix} and following: not the documents of {theirs.prefix}")


def parsed_documents(parsing: Pair, theirs: Pair, lines: Path, tokenizer: Path) -> int:
    """
    How many documents a pair holds otherwise than another one because control tokens in them were parsed.

    lines: the rows of both, JSON lines. Ends the program if any other document differs.
    """
    one, other = PairReader.open(parsing), PairReader.open(theirs)
    if len(one.lengths) != len(other.lengths):
        sys.exit(f"{parsing.prefix}: {len(one.lengths)} documents where {theirs.prefix} has {len(other.lengths)}")
    both = zip(one.documents(), other.documents(), strict=True)
    differing = {row for row, (found, expected) in enumerate(both) if not np.array_equal(found, expected)}
    added = json.loads(tokenizer.read_text(encoding="utf-8"))["added_tokens"]
    controls = [token["content"] for token in added if token["special"]]
    with lines.open(encoding="utf-8") as rows:
        for row, line in enumerate(rows):
            if row in differing and not any(token in json.loads(line)["text"] for token in controls):
                sys.exit(f"{parsing.prefix}: document {row} differs from that of {theirs.prefix}")
    return len(differing)


def as_megatron_reads(ours: Pair, documents: int, lines: Path, compared: int, tokenizer: Path) -> None:
    """End the program unless megatron-core opens our pair and finds Hugging Face's ids of the first texts in it."""
    with warnings.catch_warnings(action="ignore"):  # of what it lacks to train
        from megatron.core.datasets.indexed_dataset import IndexedDataset
    from tokenizers import Tokenizer

    with lines.open(encoding="utf-8") as rows:
        texts = [json.loads(row)["text"] for row in islice(rows, compared)]
    found = IndexedDataset(str(ours.prefix))
    oracle = Tokenizer.from_file(str(tokenizer))
    oracle.encode_special_tokens = True
    expected = [[*oracle.encode(text, add_special_tokens=False).ids, tekken.END_ID] for text in texts]
    if len(found) != documents or [found[row].tolist() for row in range(len(texts))] != expected:
        sys.exit(f"{ours.prefix}: megatron-core reads other documents than were written")
