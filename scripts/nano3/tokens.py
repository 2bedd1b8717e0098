"""
Tokens of a raw shard, and of a whole dataset.

When is a shard's token pair stale? When its raw bytes, its tokenizer or the code that reads one with the other has
changed; never because a clock says so.

A document goes to training, validation or test by a hash of its own text: an exact duplicate, wherever it turns up,
lands in the same split, and no split moves as shards come and go.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import awkward as ak
import gigatoken
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import tokenizers
import xxhash

from nano3 import Nano3Error
from nano3.catalog import read_pins, sampled
from nano3.digest import digest_file, digest_json
from nano3.megatron import Pair, PairReader, PairWriter, token_dtype
from nano3.receipt import Input, Run, read_receipt, write_receipt
from nano3.text import read_text

TRAIN, VALID, TEST = 0, 1, 2
CHECKED_DOCUMENTS = 8
PACKAGES = ("gigatoken", "tokenizers", "pyarrow", "numpy", "awkward", "xxhash", "zstandard")

Ids = npt.NDArray[np.uint32]


class TokenError(Nano3Error):
    """A shard can't be tokenized as asked."""


@dataclass(frozen=True)
class Encoder:
    """A tokenizer and the tokens around a document. Every batch's first documents are checked against `tokenizers`."""

    fast: gigatoken.Tokenizer
    oracle: tokenizers.Tokenizer
    before: list[int]
    after: list[int]

    @classmethod
    def load(cls, file: Path, settings: Mapping[str, Any]) -> "Encoder":
        """settings: the recipe's tokenizer section. Raises TokenError if file is not the tokenizer that was planned."""
        if digest_file(file) != settings["sha256"]:
            raise TokenError(f"{file}: changed while the graph was running: run snakemake again")
        definition = json.loads(file.read_text(encoding="utf-8"))
        oracle = tokenizers.Tokenizer.from_str(json.dumps(definition))
        oracle.encode_special_tokens = True  # a text that spells out a control token gets its characters' tokens
        ids: dict[str, int] = {}
        for name in ("bos_token", "eos_token"):
            found = oracle.token_to_id(settings[name])
            if found is None:
                raise TokenError(f"{file}: has no token {settings[name]!r}: mend tokenizer.{name} in the recipe")
            ids[name] = found
        before = [ids["bos_token"]] if settings["add_bos"] else []
        after = [ids["eos_token"]] if settings["add_eos"] else []
        fast = gigatoken.Tokenizer.from_json(json.dumps(definition | {"added_tokens": []}))
        return cls(fast, oracle, before, after)

    @property
    def vocabulary(self) -> int:
        """Entries of the vocabulary, added tokens included."""
        return self.oracle.get_vocab_size(with_added_tokens=True)

    def encode(self, texts: pa.LargeStringArray) -> tuple[Ids, npt.NDArray[np.int64]]:
        """All documents' tokens end to end, shape [tokens], and their lengths, shape [documents]. texts: no nulls."""
        encoded = self.fast.encode_batch(_as_awkward(texts))
        lengths = ak.to_numpy(ak.num(encoded)).astype(np.int64)
        flat = ak.to_numpy(ak.flatten(encoded)).astype(np.uint32, copy=False)
        self._check(texts, flat, lengths)
        return self._framed(flat, lengths)

    def _framed(self, flat: Ids, lengths: npt.NDArray[np.int64]) -> tuple[Ids, npt.NDArray[np.int64]]:
        """The documents with their tokens before and after."""
        framed = lengths + len(self.before) + len(self.after)
        out = np.empty(int(framed.sum()), dtype=np.uint32)
        ends = np.cumsum(framed)
        starts = ends - framed
        for offset, token in enumerate(self.before):
            out[starts + offset] = token
        for offset, token in enumerate(reversed(self.after), start=1):
            out[ends - offset] = token
        shift = starts + len(self.before) - (np.cumsum(lengths) - lengths)
        out[np.repeat(shift, lengths) + np.arange(len(flat))] = flat
        return out, framed

    def _check(self, texts: pa.LargeStringArray, flat: Ids, lengths: npt.NDArray[np.int64]) -> None:
        """Raises TokenError if the first documents are not what Hugging Face's `tokenizers` makes of them."""
        end = 0
        for text, length in zip(texts[:CHECKED_DOCUMENTS].to_pylist(), lengths, strict=False):
            ids = flat[end : end + int(length)].tolist()
            if ids != self.oracle.encode(text, add_special_tokens=False).ids:
                raise TokenError(f"gigatoken and tokenizers differ on the document that begins {text[:80]!r}")
            end += int(length)


def split_of(text: str, holdout: Mapping[str, float]) -> int:
    """Where a document belongs. holdout: fractions for valid and test. The hash is XXH3-64 of the UTF-8 text."""
    place = xxhash.xxh3_64_intdigest(text.encode()) / 2**64
    if place < holdout["valid"]:
        return VALID
    return TEST if place < holdout["valid"] + holdout["test"] else TRAIN


def tokenize_shard(raw: Path, tokenizer: Path, key: dict[str, Any], train: Path, holdout: Path, receipt: Path) -> None:
    """
    One raw shard becomes a Megatron pair for training, a pair of held-out documents, and a receipt.

    raw: the shard's file. tokenizer: its tokenizer.json. key: sha256 and rows of the shard, text column, token
    settings. train, holdout: prefixes of the two pairs; the second holds validation and test documents in row order,
    and the receipt says which row is which.
    Raises TokenError if raw is not the file that was pinned.
    """
    run = Run(PACKAGES)
    if (found := digest_file(raw)) != key["sha256"]:
        raise TokenError(
            f"{raw}: SHA-256 is {found}, pinned was {key['sha256']}: "
            "if the file was meant to change, pin its dataset again with scripts/pin_dataset.py; if not, restore it"
        )
    encoder = Encoder.load(tokenizer, key["tokenizer"])
    dtype = token_dtype(encoder.vocabulary)
    rows: dict[str, list[int]] = {"valid": [], "test": [], "skipped": []}
    with PairWriter(Pair(train), dtype) as kept, PairWriter(Pair(holdout), dtype) as held:
        for first, batch in _numbered(read_text(raw, key["text_column"], key["rows"])):
            texts = batch.to_pylist()
            splits = np.array([split_of(text, key["holdout"]) if text else -1 for text in texts])
            for name, code in (("valid", VALID), ("test", TEST), ("skipped", -1)):
                rows[name] += (first + np.flatnonzero(splits == code)).tolist()
            present = splits != -1
            tokens, lengths = encoder.encode(batch.filter(pa.array(present)))
            training = splits[present] == TRAIN
            of_training = np.repeat(training, lengths)
            kept.add(tokens[of_training], lengths[training])
            held.add(tokens[~of_training], lengths[~training])
    write_receipt(
        receipt,
        "tokenize_shard",
        run,
        key=key,
        inputs=[Input("file", str(raw), found), Input("file", str(tokenizer), key["tokenizer"]["sha256"])],
        outputs=kept.outputs + held.outputs,
        content=digest_json([output.sha256 for output in kept.outputs + held.outputs] + [rows]),
        facts={"rows": key["rows"], "documents": kept.documents, "tokens": kept.tokens, **rows},
    )


def index_dataset(folder: Path, pins: Path, key: dict[str, Any], index: Path, valid: Path, test: Path) -> None:
    """
    All shards of a dataset become one index, and their held-out documents one validation and one test pair.

    folder: the dataset's tokens. pins: its pinned shards. key: `sample`, rows taken of the dataset. index: the file to
    write, itself a receipt. valid, test: prefixes of the merged pairs.
    Raises ReceiptError or PairError if a shard is not whole.
    """
    run = Run(("numpy",))
    shards = [shard.name for shard, _ in sampled(read_pins(pins.stem, pins.parent), key["sample"])]
    receipts = {shard: read_receipt(folder / "train" / f"{shard}.json") for shard in shards}
    merged = {name: _merge(folder, receipts, name, Pair(prefix)) for name, prefix in (("valid", valid), ("test", test))}
    entries = {
        shard: {
            "tokens": receipt["facts"]["tokens"],
            "documents": receipt["facts"]["documents"],
            "bin": receipt["outputs"][0]["sha256"],
            "idx": receipt["outputs"][1]["sha256"],
            "content": receipt["content"],
        }
        for shard, receipt in receipts.items()
    }
    facts = {
        "tokens": sum(entry["tokens"] for entry in entries.values()),
        "documents": sum(entry["documents"] for entry in entries.values()),
        "rows": sum(receipt["facts"]["rows"] for receipt in receipts.values()),
        "skipped": sum(len(receipt["facts"]["skipped"]) for receipt in receipts.values()),
        "shards": entries,
        **{name: {"tokens": writer.tokens, "documents": writer.documents} for name, writer in merged.items()},
    }
    outputs = [output for writer in merged.values() for output in writer.outputs]
    write_receipt(
        index,
        "index_dataset",
        run,
        key=key,
        inputs=[
            Input("receipt", str(folder / "train" / f"{shard}.json"), entries[shard]["content"]) for shard in shards
        ],
        outputs=outputs,
        content=digest_json([entries, [output.sha256 for output in outputs]]),
        facts=facts,
    )


def _merge(folder: Path, receipts: Mapping[str, Any], name: str, pair: Pair) -> PairWriter:
    """The held-out documents of one kind, of all shards in order, as one pair."""
    first = PairReader.open(Pair(folder / "holdout" / next(iter(receipts))))
    with PairWriter(pair, first.tokens.dtype.type) as writer:
        for shard, receipt in receipts.items():
            rows = receipt["facts"]
            wanted = np.isin(sorted(rows["valid"] + rows["test"]), rows[name])
            piece = PairReader.open(Pair(folder / "holdout" / shard))
            writer.add(piece.tokens[np.repeat(wanted, piece.lengths)], piece.lengths[wanted])
    return writer


def _numbered(batches: Iterator[pa.LargeStringArray]) -> Iterator[tuple[int, pa.LargeStringArray]]:
    """Batches with the number of their first row."""
    first = 0
    for batch in batches:
        yield first, batch
        first += len(batch)


def _as_awkward(texts: pa.LargeStringArray) -> ak.Array:
    """The same strings for gigatoken, without copying: 64-bit offsets over one buffer of UTF-8."""
    _, offsets, data = texts.buffers()
    places = np.frombuffer(offsets, dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]
    characters = np.frombuffer(data, dtype=np.uint8) if data else np.zeros(0, dtype=np.uint8)
    content = ak.contents.NumpyArray(characters, parameters={"__array__": "char"})
    return ak.Array(ak.contents.ListOffsetArray(ak.index.Index(places), content, parameters={"__array__": "string"}))
