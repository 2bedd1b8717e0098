"""
Text to token ids, as Hugging Face's tokenizers makes them; nano3.tokens.engines chooses what does the work.

A text that spells out a control token (`</s>`, `<|im_start|>`) is encoded character by character, unless the recipe
asks for Hugging Face's default (special_tokens_in_text: parse): a web page must not be able to inject control tokens.
"""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import awkward as ak
import gigatoken
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tokenizers

from nano3 import Nano3Error
from nano3.artifact.digest import digest_file
from nano3.core.arrow import bytes_array, bytes_scalar, int64_values, mask_array, text_array
from nano3.raw.tokenizer_json import TokenizerJson
from nano3.tokens.chunking import PIECE_BYTES, cuts, may_be_cut
from nano3.tokens.engines import Engine, Exceptions, Flags, load_engine, load_reference
from nano3.tokens.fast_layouts import is_plain

Ids = npt.NDArray[np.uint32]
Lengths = npt.NDArray[np.int64]
Part = tuple[Ids, Lengths, int]  # tokens as written, the lengths of the documents that end in them, how many were cut
PIECES = 8  # of a long document, encoded at once
# Bytes of a text that are encoded at once, where it has no place to be cut: memory is up to 5 and 300 times that.
LONGEST_PIECE = {"gigatoken": 2**27, "tokenizers": 2**22}
REFERENCE_BATCH = 2**20  # characters that tokenizers encodes at once


class EncodeError(Nano3Error):
    """Text can't be encoded as asked."""


@dataclass(frozen=True)
class Encoder:
    """
    A tokenizer, and the tokens around a document.

    engine: what encodes most texts. reference: loads tokenizers for the exceptions, at the first one. entries: one more
    than the largest id, added tokens included. before, after: ids around each document. longest: the most tokens of
    one. in_pieces: whether a document may be encoded piece by piece. parallel: whether a batch is encoded by several
    threads.
    """

    engine: Engine
    reference: Callable[[], tokenizers.Tokenizer]
    exceptions: Exceptions
    entries: int
    before: list[int]
    after: list[int]
    longest: int | None
    in_pieces: bool
    parallel: bool

    @classmethod
    def load(cls, file: Path, settings: Mapping[str, Any], engine: str, threads: int = 2) -> "Encoder":
        """
        file: a tokenizer.json. settings: the recipe's token settings for it. engine: auto, gigatoken or tokenizers.
        threads: all but one encode; the last reads and writes.

        Raises EncodeError, TokenizerLoadError or TokenizerJsonError if file is not the tokenizer that was planned,
        lacks a token, or is not for the engine.
        """
        if digest_file(file) != settings["sha256"]:
            raise EncodeError(f"{file}: changed while the graph was running: run snakemake again")
        os.environ["RAYON_NUM_THREADS"] = str(max(1, threads - 1))  # either engine asks when it encodes first
        tokenizer = TokenizerJson.read(file)
        encoder = cls(
            load_engine(tokenizer, settings, engine),
            cache(partial(load_reference, tokenizer, settings)),
            Exceptions(tokenizer, settings),
            tokenizer.entries,
            _around("bos", tokenizer, settings),
            _around("eos", tokenizer, settings),
            settings["max_doc_tokens"],
            may_be_cut(tokenizer.definition),
            threads > 2,
        )
        if tokenizer.kind == "BPE":  # a Unigram model's own choice of pieces may be a control token
            encoder._require_unspelled(settings)
        return encoder

    @property
    def is_fast(self) -> bool:
        """Whether most texts are encoded by gigatoken."""
        return isinstance(self.engine, gigatoken.Tokenizer)

    def encode(self, texts: pa.LargeStringArray, exceptions: Flags | None = None) -> tuple[Ids, Lengths]:
        """
        All documents' ids end to end, shape [tokens], and their lengths, shape [documents].

        texts: no nulls. exceptions: which of them are self.exceptions, shape [texts], if that is known.
        """
        if not isinstance(self.engine, gigatoken.Tokenizer):
            return self._by_tokenizers(self.engine, texts)
        exceptions = self.exceptions.among(texts).exceptions if exceptions is None else exceptions
        if not exceptions.any():
            return _fast(self.engine, texts, self.parallel)
        usual = _fast(self.engine, texts.filter(mask_array(~exceptions)), self.parallel)
        special = self._by_tokenizers(self.reference(), texts.filter(mask_array(exceptions)))
        places = np.argsort(np.concatenate([np.flatnonzero(~exceptions), np.flatnonzero(exceptions)]))
        return _reordered(np.concatenate([usual[0], special[0]]), np.concatenate([usual[1], special[1]]), places)

    def _by_tokenizers(self, tokenizer: tokenizers.Tokenizer, texts: pa.LargeStringArray) -> tuple[Ids, Lengths]:
        """As encode. Long texts are cut where they may be: memory is hundreds of times what is encoded at once."""
        if not self.in_pieces or texts.nbytes <= PIECE_BYTES:
            return _encoded(tokenizer, texts)
        pieces = [next(self._pieces(texts[place : place + 1], at_once=sys.maxsize)) for place in range(len(texts))]
        ids, lengths = _encoded(tokenizer, pa.concat_arrays(pieces))
        first = np.cumsum([0, *(len(each) for each in pieces)])[:-1]
        return ids, np.add.reduceat(lengths, first)

    def too_long(self, texts: pa.LargeStringArray) -> Flags:
        """Which texts can't be encoded in parts small enough, shape [texts]. Nulls are none."""
        out = np.zeros(len(texts), dtype=np.bool_)
        sizes = int64_values(pc.binary_length(texts), null=0)
        for place in np.flatnonzero(sizes > LONGEST_PIECE["tokenizers"]).tolist():
            out[place] = any(self._is_too_long(piece) for piece in self._pieces(texts[place : place + 1], at_once=1))
        return out

    def _is_too_long(self, piece: pa.LargeStringArray) -> bool:
        """piece: an array of one."""
        size = int(int64_values(pc.binary_length(piece), null=0)[0])
        if size <= LONGEST_PIECE["tokenizers"]:
            return False
        by_reference = not self.is_fast or bool(self.exceptions.among(piece).exceptions[0])
        return by_reference or size > LONGEST_PIECE["gigatoken"]

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
            bytes_scalar(np.array(tokens, dtype=ids.dtype).tobytes()) for tokens in (self.before, self.after, [])
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

    def _require_unspelled(self, settings: Mapping[str, Any]) -> None:
        """Raises EncodeError if a text can spell out the end of a document: then its characters become that token."""
        for name, ids in (("bos", self.before), ("eos", self.after)):
            token = settings[f"{name}_token"]
            if not ids or not is_plain(settings):
                continue
            texts = text_array([token, f"x{token}", f"x\n{token}"])
            usual = np.zeros(len(texts), dtype=np.bool_)  # the reference would say the same, and takes long to load
            if ids[0] in self.encode(texts, usual)[0]:
                raise EncodeError(
                    f"tokenizer.{name}_token: a text that spells out {token!r} becomes that token: name another one,"
                    " or write special_tokens_in_text: parse"
                )

    def _pieces(self, text: pa.LargeStringArray, at_once: int = PIECES) -> Iterator[pa.LargeStringArray]:
        """Views of one text, some pieces at a time; the whole where it may not be cut."""
        if not self.in_pieces:
            yield text
            return
        begin, end = offsets_of(text).tolist()
        places = [begin, *(begin + place for place in cuts(characters_of(text)[begin:end]))]
        for first in range(0, len(places) - 1, at_once):
            offsets = np.array(places[first : first + at_once + 1])
            yield pa.LargeStringArray.from_buffers(len(offsets) - 1, pa.py_buffer(offsets), text.buffers()[2])


def _around(name: str, tokenizer: TokenizerJson, settings: Mapping[str, Any]) -> list[int]:
    """The bos or eos token, if documents get it."""
    if not settings[f"add_{name}"]:
        return []
    token = settings[f"{name}_token"]
    if token not in tokenizer.ids:
        raise EncodeError(f"{tokenizer.file}: has no token {token!r}: fix tokenizer.{name}_token in the recipe")
    if is_plain(settings) and token not in tokenizer.control_tokens([token]):
        raise EncodeError(
            f"{tokenizer.file}: tokenizer.{name}_token: {token!r} is no added token, so that a text can spell it out:"
            " name one, or write special_tokens_in_text: parse"
        )
    return [tokenizer.ids[token]]


def _fast(engine: gigatoken.Tokenizer, texts: pa.LargeStringArray, parallel: bool) -> tuple[Ids, Lengths]:
    encoded = engine.encode_batch(_as_awkward(texts), parallel=parallel)
    return ak.to_numpy(ak.flatten(encoded)), ak.to_numpy(ak.num(encoded)).astype(np.int64)


def _encoded(reference: tokenizers.Tokenizer, texts: pa.LargeStringArray) -> tuple[Ids, Lengths]:
    """In small batches: what the library holds of each is hundreds of times its text."""
    ids, lengths = [np.zeros(0, dtype=np.uint32)], list[int]()
    batch, size = list[str](), 0
    for place in range(len(texts)):
        batch.append(texts[place].as_py())
        size += len(batch[-1])
        if size >= REFERENCE_BATCH or place == len(texts) - 1:
            for encoding in _reference_batch(reference, batch):
                ids.append(np.array(encoding.ids, dtype=np.uint32))
                lengths.append(len(ids[-1]))
            batch, size = [], 0
    return np.concatenate(ids), np.array(lengths, dtype=np.int64)


def _reference_batch(reference: tokenizers.Tokenizer, texts: list[str]) -> list[tokenizers.Encoding]:
    try:
        return reference.encode_batch_fast(texts, add_special_tokens=False)
    except Exception as error:  # the library has no other
        reason = " ".join(str(error).split())
        raise EncodeError(
            f"Hugging Face's tokenizers can't encode a text ({reason}): the tokenizer has no token for what it does not"
            " know: name another one"
        ) from None


def _reordered(ids: Ids, lengths: Lengths, places: npt.NDArray[np.int64]) -> tuple[Ids, Lengths]:
    """Documents in another order. places: where each of it lies in this one, shape [documents]."""
    begins = (np.cumsum(lengths) - lengths)[places]
    lengths = lengths[places]
    ends = np.cumsum(lengths)
    return ids[np.repeat(begins - (ends - lengths), lengths) + np.arange(len(ids))], lengths


def _as_awkward(texts: pa.LargeStringArray) -> ak.Array:
    """The same strings for gigatoken, without copying: 64-bit offsets over one buffer of UTF-8."""
    characters = ak.contents.NumpyArray(characters_of(texts), parameters={"__array__": "char"})
    offsets = ak.index.Index(offsets_of(texts))
    return ak.Array(ak.contents.ListOffsetArray(offsets, characters, parameters={"__array__": "string"}))


def documents_of(ids: Ids, lengths: Lengths) -> pa.LargeBinaryArray:
    """Each document's ids as bytes: views of all ids end to end. lengths: in ids, shape [documents]."""
    return bytes_array(ids, lengths * ids.itemsize)


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
