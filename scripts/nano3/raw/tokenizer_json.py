"""
What does a tokenizer.json say, whoever encodes with it? Read once, checked once, the same for both engines.

The file also keeps what it was last used with: truncation and padding make batches for inference equally long. Neither
belongs to a corpus, so both are switched off. What would make tokens random, or lose text, is refused.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from nano3 import Nano3Error

LARGE = ("vocab", "merges")  # stay JSON text: taking the merges of a large tokenizer apart takes long
STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"')
PAIR = re.compile(rb"\[\s*" + STRING.pattern + rb"\s*,\s*" + STRING.pattern + rb"\s*\]")
LARGEST_ID = 2**31 - 1
# GPT-2's characters for the 256 bytes: a printable one stands for itself, others for what comes after the 256 first.
PRINTABLE = [*range(33, 127), *range(161, 173), *range(174, 256)]
OTHERS = [byte for byte in range(256) if byte not in PRINTABLE]
BYTE_CHARACTERS = {byte: chr(byte) for byte in PRINTABLE} | {byte: chr(256 + at) for at, byte in enumerate(OTHERS)}
ASCII_BYTES = 128
IN_NO_CHARACTER = {0xC0, 0xC1, *range(0xF5, 0x100)}  # bytes that UTF-8 never has


class TokenizerJsonError(Nano3Error):
    """A tokenizer.json can't be read, or would not give every text its one right sequence of tokens."""


class AddedToken(msgspec.Struct, frozen=True):
    """An added token as Hugging Face's tokenizers reads it: every key must be there."""

    id: int
    content: str
    single_word: bool
    lstrip: bool
    rstrip: bool
    normalized: bool
    special: bool


@dataclass(frozen=True)
class TokenizerJson:
    """
    A tokenizer.json of Hugging Face's tokenizers.

    definition: the file, with the vocabulary and the merges of its model as JSON text.
    """

    file: Path
    definition: Mapping[str, Any]

    @classmethod
    def read(cls, file: Path) -> "TokenizerJson":
        """Raises TokenizerJsonError, with the remedy, for another file or one that would not encode exactly."""
        try:
            parts = msgspec.json.decode(file.read_bytes(), type=dict[str, msgspec.Raw])
            model = msgspec.json.decode(parts.pop("model"), type=dict[str, msgspec.Raw])
            large = {name: model.pop(name) for name in LARGE if name in model}
            small = {name: msgspec.json.decode(part) for name, part in model.items()}
            rest = {name: msgspec.json.decode(part) for name, part in parts.items()}
            rest["added_tokens"] = rest.get("added_tokens") or []
            rest["normalizer"] = _flat(rest.get("normalizer"))
            msgspec.convert(rest["added_tokens"], list[AddedToken])
            tokenizer = cls(file, rest | {"model": small | large})
            tokenizer._require_exact()
        except (msgspec.MsgspecError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise TokenizerJsonError(
                f"{file}: not a tokenizer.json of Hugging Face's tokenizers ({error!r}): name another one"
            ) from None
        return tokenizer

    @property
    def model(self) -> Mapping[str, Any]:
        """Its model section."""
        section: Mapping[str, Any] = self.definition["model"]
        return section

    @property
    def kind(self) -> str:
        """Of its model: BPE, Unigram, WordPiece or WordLevel. Files of old versions do not say it."""
        if "type" in self.model:
            return str(self.model["type"])
        return "BPE" if "merges" in self.model else "Unigram" if self._is_list else "WordPiece"

    @cached_property
    def added_tokens(self) -> list[dict[str, Any]]:
        """
        Its added tokens, in the order of the file. Hugging Face's tokenizers ignores one without content, and takes one
        that is there twice with its first id and its last flags.
        """
        tokens: dict[str, dict[str, Any]] = {}
        for token in self.definition["added_tokens"]:
            content = token["content"]
            tokens[content] = token | {"id": tokens.get(content, token)["id"]}
        return [token for content, token in tokens.items() if content]

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of every token, added ones included."""
        return self.vocabulary | {token["content"]: int(token["id"]) for token in self.added_tokens}

    @property
    def has_merges_twice(self) -> bool:
        """Whether a BPE has two ranks for a merge. Their JSON texts are compared, which is faster than the merges."""
        text = bytes(memoryview(self.model.get("merges", b"[]")))
        merges = PAIR.findall(text) or STRING.findall(text)
        return len(set(merges)) < len(merges)

    @property
    def entries(self) -> int:
        """One more than the largest id: the ids of a tokenizer may have holes."""
        return max(self.ids.values(), default=-1) + 1

    def control_tokens(self, around: Iterable[str]) -> list[str]:
        """
        Added tokens that no text may spell out: those that are marked special, and those around each document.

        around: the beginning and end of a document, special or not.
        """
        names = set(around)
        return [token["content"] for token in self.added_tokens if token["special"] or token["content"] in names]

    def for_engines(self, around: Iterable[str]) -> dict[str, Any]:
        """What is loaded for encoding: without truncation and padding, and with every control token marked special."""
        control = set(self.control_tokens(around))
        added = [token | {"special": token["content"] in control} for token in self.added_tokens]
        return {**self.definition, "truncation": None, "padding": None, "added_tokens": added}

    @cached_property
    def vocabulary(self) -> dict[str, int]:
        """Of its model. A Unigram model lists its tokens in the order of their ids."""
        if self._is_list:
            return {token: number for number, (token, _) in enumerate(msgspec.json.decode(self.model["vocab"]))}
        return msgspec.json.decode(self.model["vocab"], type=dict[str, int])

    @property
    def _is_list(self) -> bool:
        return bytes(memoryview(self.model["vocab"])[:1]) == b"["

    def _require_exact(self) -> None:
        for content, number, given in self._renumbered():
            raise TokenizerJsonError(
                f"{self.file}: added_tokens: {content!r} has id {number}, but Hugging Face's tokenizers gives it"
                f" {given}: write {given} in a copy of the tokenizer, and name that"
            )
        if len(set(self.ids.values())) < len(self.ids):
            names = {number: token for token, number in self.ids.items()}
            token, number = next((token, number) for token, number in self.ids.items() if names[number] != token)
            raise TokenizerJsonError(
                f"{self.file}: id {number} is both {token!r} and {names[number]!r}: name a tokenizer with unique ids"
            )
        if self.model.get("dropout"):
            raise TokenizerJsonError(
                f"{self.file}: model.dropout is {self.model['dropout']:g}, so the same text would get other tokens"
                " every time: set it to null in a copy of the tokenizer, and name that"
            )
        if self.entries > LARGEST_ID:
            raise TokenizerJsonError(
                f"{self.file}: id {self.entries - 1} does not fit into 32 bits: name another tokenizer"
            )
        if not self.model.get("unk_token") and (lost := self._lost()):
            raise TokenizerJsonError(
                f"{self.file}: {lost} would vanish, because the model has no unk_token: name a tokenizer with all"
                " bytes, or add model.unk_token to a copy"
            )

    @property
    def is_byte_level(self) -> bool:
        """Whether texts are made into GPT-2's characters for bytes."""
        return b'"ByteLevel"' in msgspec.json.encode(
            [self.definition.get("pre_tokenizer"), self.definition.get("normalizer")]
        )

    @property
    def has_all_bytes(self) -> bool:
        """Whether byte_fallback finds a token for each byte that a character without a token may have."""
        return all(
            f"<0x{byte:02X}>" in self.vocabulary or (byte < ASCII_BYTES and chr(byte) in self.vocabulary)
            for byte in range(256)
            if byte not in IN_NO_CHARACTER
        )

    def _lost(self) -> str | None:
        """What of a text a BPE without an unknown token leaves out; None if nothing."""
        if self.kind != "BPE":
            return None
        if self.is_byte_level:
            lost = [byte for byte, character in BYTE_CHARACTERS.items() if character not in self.vocabulary]
            lost = [byte for byte in lost if byte not in IN_NO_CHARACTER]
            return f"bytes that are not in its vocabulary (0x{min(lost):02X}, {len(lost)} in all)" if lost else None
        if self.model.get("byte_fallback") and self.has_all_bytes:
            return None
        return "characters that are not in its vocabulary"

    def _renumbered(self) -> Iterable[tuple[str, int, int]]:
        """
        Added tokens that Hugging Face's tokenizers numbers otherwise than the file, with both numbers.

        It takes the model's id of a token that the model has, and counts on from the size of the vocabulary for others.
        """
        following = len(self.vocabulary)
        for token in self.added_tokens:
            content, number = token["content"], int(token["id"])
            given = self.vocabulary.get(content, following)
            following += content not in self.vocabulary
            if number != given:
                yield content, number, given


def _flat(normalizer: Any) -> Any:
    """A normalizer without the sequences around it; None if it does nothing."""
    if not normalizer or normalizer["type"] != "Sequence":
        return normalizer
    parts = [part for part in map(_flat, normalizer["normalizers"]) if part]
    return parts[0] if len(parts) == 1 else {"type": "Sequence", "normalizers": parts} if parts else None
