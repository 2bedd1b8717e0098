"""
Text to token ids: gigatoken for speed, Hugging Face's `tokenizers` as the oracle, and as the engine where gigatoken
can't load a tokenizer.

A text that spells out a control token (`</s>`, `<|im_start|>`) gets its characters' tokens, unless the recipe asks for
Hugging Face's way (special_tokens_in_text: parse): who writes a web page must not be able to write control tokens.
"""

import os
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import awkward as ak
import gigatoken
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tokenizers

from nano3 import Nano3Error
from nano3.digest import digest_file
from nano3.oracle import Oracle
from nano3.pieces import cuts, may_be_cut

Ids = npt.NDArray[np.uint32]
Lengths = npt.NDArray[np.int64]
Engine: TypeAlias = gigatoken.Tokenizer | tokenizers.Tokenizer
Part = tuple[Ids, Lengths, int]  # tokens as written, the lengths of the documents that end in them, how many were cut
PIECES = 8  # of a long document, encoded at once


class EncodeError(Nano3Error):
    """Text can't be encoded as asked."""


@dataclass(frozen=True)
class Encoder:
    """
    A tokenizer, and the tokens around a document.

    vocabulary: one more than its largest id, added tokens included. in_pieces: whether a document may be encoded piece
    by piece. parallel: whether a batch is encoded by several threads.
    """

    engine: Engine
    oracle: Oracle
    vocabulary: int
    before: list[int]
    after: list[int]
    longest: int | None
    special: str
    in_pieces: bool
    parallel: bool

    @classmethod
    @contextmanager
    def load(cls, file: Path, settings: Mapping[str, Any], engine: str, threads: int = 2) -> Iterator["Encoder"]:
        """
        file: a tokenizer.json. settings: the recipe's token settings for it. engine: gigatoken or tokenizers. threads:
        all but one encode, for reading and writing keep one busy.

        Raises EncodeError if file is not the tokenizer that was planned, lacks a token, or is not for the engine.
        """
        if digest_file(file) != settings["sha256"]:
            raise EncodeError(f"{file}: changed while the graph was running: run snakemake again")
        plain = settings["special_tokens_in_text"] == "characters"
        with Oracle(file, plain) as oracle:
            os.environ["RAYON_NUM_THREADS"] = str(max(1, threads - 1))  # either engine asks when it encodes first
            definition = _definition(file.read_bytes())
            special = [token["content"] for token in definition["added_tokens"] if token["special"]]
            others = {"added_tokens": [token for token in definition["added_tokens"] if not token["special"]]}
            fast = engine == "gigatoken"
            loaded = _fast(file, definition | (others if plain else {})) if fast else _slow(file, plain)
            before, after = (_around(name, loaded, definition, settings, file, oracle) for name in ("bos", "eos"))
            yield cls(
                loaded,
                oracle,
                _entries(loaded, definition),
                before,
                after,
                settings["max_doc_tokens"],
                "|".join(map(re.escape, sorted(special, key=len, reverse=True))),
                may_be_cut(definition),
                threads > 2,
            )

    def encode(self, texts: pa.LargeStringArray) -> tuple[Ids, Lengths]:
        """All documents' ids end to end, shape [tokens], and their lengths, shape [documents]. texts: no nulls."""
        if isinstance(self.engine, gigatoken.Tokenizer):
            encoded = self.engine.encode_batch(_as_awkward(texts), parallel=self.parallel)
            return ak.to_numpy(ak.flatten(encoded)), ak.to_numpy(ak.num(encoded)).astype(np.int64)
        ids = [encoding.ids for encoding in self.engine.encode_batch(texts.to_pylist(), add_special_tokens=False)]
        lengths = np.array([len(document) for document in ids], dtype=np.int64)
        return np.array([token for document in ids for token in document], dtype=np.uint32), lengths

    def framed(self, ids: Ids, lengths: Lengths) -> Part:
        """
        Documents cut to the recipe's max_doc_tokens, with the tokens before and after, and how many were cut.

        A document that is cut still ends with its end-of-document token; max_doc_tokens counts it.
        """
        around = len(self.before) + len(self.after)
        documents, cut = documents_of(ids, lengths), 0
        if self.longest and (cut := int((lengths + around > self.longest).sum())):
            lengths = np.minimum(lengths, self.longest - around)
            documents = pc.binary_slice(documents, 0, (self.longest - around) * ids.itemsize)
        before, after, nothing = (
            pa.scalar(np.array(tokens, dtype=ids.dtype).tobytes(), type=pa.large_binary())
            for tokens in (self.before, self.after, [])
        )
        return ids_of(pc.binary_join_element_wise(before, documents, after, nothing)), lengths + around, cut

    def parts(self, text: pa.LargeStringArray) -> Iterator[Part]:
        """As encoded and framed, for an array of one text: its ids are never all in memory if it may be cut."""
        limit = (self.longest or sys.maxsize) - len(self.after)
        whole, cut, unfinished = len(self.before), 0, np.zeros(0, dtype=np.int64)
        yield np.array(self.before, dtype=np.uint32), unfinished, 0
        for pieces in self._pieces(text):
            ids, _ = self.encode(pieces)
            cut = int(whole + len(ids) > limit)
            ids = ids[: limit - whole]
            whole += len(ids)
            yield ids, unfinished, 0
            if cut:
                break
        yield np.array(self.after, dtype=np.uint32), np.array([whole + len(self.after)]), cut

    def _pieces(self, text: pa.LargeStringArray) -> Iterator[pa.LargeStringArray]:
        """Views of one text, some pieces at a time; the whole where it may not be cut."""
        if not self.in_pieces:
            yield text
            return
        begin, end = offsets_of(text).tolist()
        places = [begin, *(begin + place for place in cuts(characters_of(text)[begin:end]))]
        for first in range(0, len(places) - 1, PIECES):
            offsets = np.array(places[first : first + PIECES + 1])
            yield pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), text.buffers()[2])

    def count_special(self, texts: pa.LargeStringArray) -> int:
        """How often the texts spell out a control token."""
        return pc.sum(pc.count_substring_regex(texts, self.special)).as_py() or 0 if self.special else 0


def _definition(data: bytes) -> dict[str, Any]:
    """A tokenizer.json. Its vocabulary and merges stay JSON text: taking them apart takes seconds."""
    parts = msgspec.json.decode(data, type=dict[str, msgspec.Raw])
    model = msgspec.json.decode(parts.pop("model"), type=dict[str, msgspec.Raw])
    large = {name: model.pop(name) for name in ("vocab", "merges") if name in model}
    small = {name: msgspec.json.decode(part) for name, part in model.items()}
    return {name: msgspec.json.decode(part) for name, part in parts.items()} | {"model": small | large}


def _fast(file: Path, definition: Mapping[str, Any]) -> gigatoken.Tokenizer:
    try:
        return gigatoken.Tokenizer.from_json(msgspec.json.encode(definition))
    except Exception as error:
        reason = " ".join(str(error).split())
        raise EncodeError(f"{file}: gigatoken can't load it ({reason}): set tokenizer.engine to tokenizers") from None


def _slow(file: Path, plain: bool) -> tokenizers.Tokenizer:
    engine = tokenizers.Tokenizer.from_file(str(file))
    engine.encode_special_tokens = plain
    return engine


def _around(
    name: str, engine: Engine, definition: Mapping[str, Any], settings: Mapping[str, Any], file: Path, oracle: Oracle
) -> list[int]:
    """The bos or eos token, if documents get it. The oracle confirms its id when it is ready: nobody waits for it."""
    if not settings[f"add_{name}"]:
        return []
    token = settings[f"{name}_token"]
    if (number := _id_of(engine, definition, token)) is None:
        raise EncodeError(f"{file}: has no token {token!r}: mend tokenizer.{name}_token in the recipe")
    oracle.confirm(token, number)
    return [number]


def _id_of(engine: Engine, definition: Mapping[str, Any], token: str) -> int | None:
    """The id of a token; None if there is no such token. Only one that was not added costs reading the vocabulary."""
    if isinstance(engine, tokenizers.Tokenizer):
        found: int | None = engine.token_to_id(token)
        return found
    added = {each["content"]: each["id"] for each in definition["added_tokens"]}
    if token in added:
        return int(added[token])
    return msgspec.json.decode(definition["model"]["vocab"], type=dict[str, int]).get(token)


def _entries(engine: Engine, definition: Mapping[str, Any]) -> int:
    """One more than the largest id. An engine that was loaded without the control tokens does not count them."""
    if isinstance(engine, tokenizers.Tokenizer):
        return int(engine.get_vocab_size())
    return max(int(engine.vocab_size), *(int(each["id"]) + 1 for each in definition["added_tokens"]), 0)


def _as_awkward(texts: pa.LargeStringArray) -> ak.Array:
    """The same strings for gigatoken, without copying: 64-bit offsets over one buffer of UTF-8."""
    characters = ak.contents.NumpyArray(characters_of(texts), parameters={"__array__": "char"})
    offsets = ak.index.Index(offsets_of(texts))
    return ak.Array(ak.contents.ListOffsetArray(offsets, characters, parameters={"__array__": "string"}))


def documents_of(ids: Ids, lengths: Lengths) -> pa.LargeBinaryArray:
    """Each document's ids as bytes: views of all ids end to end. lengths: in ids, shape [documents]."""
    offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
    np.cumsum(lengths * ids.itemsize, out=offsets[1:])
    buffers = [None, pa.py_buffer(offsets), pa.py_buffer(ids)]
    return pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(lengths), buffers)


def ids_of(documents: pa.LargeBinaryArray) -> Ids:
    """The ids of an array that was made of documents, end to end, mapped, not copied."""
    _, offsets, data = documents.buffers()
    size = int(np.frombuffer(offsets, dtype=np.int64)[len(documents)]) if len(documents) else 0
    return np.frombuffer(data, dtype=np.uint32, count=size // 4) if size else np.zeros(0, dtype=np.uint32)


def offsets_of(texts: pa.LargeStringArray) -> Lengths:
    """Where each text begins and the last ends in characters_of, shape [texts + 1]."""
    if len(texts) == 0:
        return np.zeros(1, dtype=np.int64)
    return np.frombuffer(texts.buffers()[1], dtype=np.int64)[texts.offset : texts.offset + len(texts) + 1]


def characters_of(texts: pa.LargeStringArray) -> npt.NDArray[np.uint8]:
    """The UTF-8 of all texts, mapped, not copied."""
    data = texts.buffers()[2]
    return np.frombuffer(data, dtype=np.uint8) if data else np.zeros(0, dtype=np.uint8)
