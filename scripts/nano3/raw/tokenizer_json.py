"""
What does a tokenizer.json say, whoever encodes with it? Read once, checked once, the same for both engines.

The file also keeps what it was last used with: truncation and padding make batches for inference equally long. Neither
belongs to a corpus, so both are switched off. What would make tokens random, or lose text, is refused.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import msgspec

from nano3 import Nano3Error

LARGE = ("vocab", "merges")  # stay JSON text: taking the merges of a large tokenizer apart takes seconds


class TokenizerJsonError(Nano3Error):
    """A tokenizer.json can't be read, or would not give every text its one right sequence of tokens."""


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
            tokenizer = cls(file, {"added_tokens": []} | rest | {"model": small | large})
            tokenizer._require_exact()
        except (ValueError, KeyError, TypeError, AttributeError) as error:
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

    @property
    def added_tokens(self) -> list[dict[str, Any]]:
        """Its added tokens, in the order of the file. Hugging Face's tokenizers ignores one without content."""
        return [token for token in self.definition["added_tokens"] or [] if token["content"]]

    @cached_property
    def ids(self) -> dict[str, int]:
        """The id of every token, added ones included."""
        return self._vocabulary | {token["content"]: int(token["id"]) for token in self.added_tokens}

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
    def _vocabulary(self) -> dict[str, int]:
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
        if self._loses_text():
            raise TokenizerJsonError(
                f"{self.file}: characters that are not in its vocabulary would vanish: it splits no text into bytes and"
                " has no unk_token: name a tokenizer with byte-level or byte_fallback, or add model.unk_token to a copy"
            )

    def _loses_text(self) -> bool:
        """Whether a character without a token is left out: a BPE without bytes and without an unknown token."""
        if self.kind != "BPE" or self.model.get("unk_token") or self.model.get("byte_fallback"):
            return False
        return b'"ByteLevel"' not in msgspec.json.encode(
            [self.definition.get("pre_tokenizer"), self.definition.get("normalizer")]
        )

    def _renumbered(self) -> Iterable[tuple[str, int, int]]:
        """
        Added tokens that Hugging Face's tokenizers numbers otherwise than the file, with both numbers.

        It takes the model's id of a token that the model has, and counts on from the size of the vocabulary for others.
        """
        following = len(self._vocabulary)
        for token in self.added_tokens:
            content, number = token["content"], int(token["id"])
            given = self._vocabulary.get(content, following)
            following += content not in self._vocabulary
            if number != given:
                yield content, number, given
