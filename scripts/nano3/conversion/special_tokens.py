"""
Which ids do an exported model's control tokens have, and do the files of its tokenizer say so?

The recipe decides bos and eos, which frame the documents that the model was trained on. A tokenizer may name others, or
none: its tokenizer_config.json and special_tokens_map.json are completed and corrected. pad is the tokenizer's own, if
it has one; it is never guessed. A token that its tokenizer.json does not have is taken out of them: transformers would
give it an id past the model's vocabulary.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nano3 import Nano3Error
from nano3.artifact.files import write_json
from nano3.raw.tokenizer_json import TokenizerJson
from nano3.raw.tokenizers import DEFINITION

CONFIG, MAP = "tokenizer_config.json", "special_tokens_map.json"
NAMES = ("bos_token", "eos_token", "pad_token", "unk_token", "sep_token", "cls_token", "mask_token")
LISTS = ("additional_special_tokens", "extra_special_tokens")
CLASS = "PreTrainedTokenizerFast"  # reads any tokenizer.json

Changes = dict[str, dict[str, dict[str, Any]]]


class SpecialTokenError(Nano3Error):
    """A tokenizer's files can't name the recipe's tokens."""


@dataclass(frozen=True)
class SpecialToken:
    """A token and its id."""

    token: str
    id: int


@dataclass(frozen=True)
class SpecialTokens:
    """The control tokens of an export. pad: None if the tokenizer has none."""

    bos: SpecialToken
    eos: SpecialToken
    pad: SpecialToken | None = None

    @property
    def ids(self) -> dict[str, int | None]:
        """Ids by the names that transformers' configurations have for them."""
        return {
            "bos_token_id": self.bos.id,
            "eos_token_id": self.eos.id,
            "pad_token_id": self.pad.id if self.pad else None,
        }

    @property
    def texts(self) -> dict[str, str]:
        """Tokens by the names that a tokenizer's configuration has for them."""
        pad = {"pad_token": self.pad.token} if self.pad else {}
        return {"bos_token": self.bos.token, "eos_token": self.eos.token} | pad

    def as_json(self) -> dict[str, Any]:
        """Tokens with ids, for the manifest."""
        return asdict(self)


def special_tokens(folder: Path, recipe: Mapping[str, str]) -> SpecialTokens:
    """
    The control tokens of a tokenizer. folder: of its files. recipe: its tokens by the names `bos` and `eos`.

    Raises SpecialTokenError or TokenizerJsonError if it lacks one of the recipe's, or a file is not what its name says.
    """
    vocabulary = TokenizerJson.read(folder / DEFINITION).ids
    for name in ("bos", "eos"):
        if recipe[name] not in vocabulary:
            raise SpecialTokenError(
                f"{folder / DEFINITION}: has no token {recipe[name]!r}: correct tokenizer.{name}_token in the recipe"
            )
    bos, eos = (SpecialToken(recipe[name], vocabulary[recipe[name]]) for name in ("bos", "eos"))
    own = [_text(_read(folder / file).get("pad_token")) for file in (CONFIG, MAP) if (folder / file).is_file()]
    pad = next((SpecialToken(text, vocabulary[text]) for text in own if text in vocabulary), None)
    return SpecialTokens(bos, eos, pad)


def settle(folder: Path, tokens: SpecialTokens) -> Changes:
    """
    Make a tokenizer's files in a folder name these tokens; tokenizer_config.json is written if it is not there.

    Returns what they said otherwise before: by file and key, what it `was` and `is` now.
    """
    vocabulary = TokenizerJson.read(folder / DEFINITION).ids
    changes: Changes = {}
    for file in (CONFIG, MAP):
        path = folder / file
        if path.is_file() or file == CONFIG:
            before = _read(path) if path.is_file() else {"tokenizer_class": CLASS}
            after = _settled(before, tokens.texts, vocabulary)
            different = {
                key: {"was": before[key], "is": after.get(key)}
                for key in before
                if before[key] is not None and before[key] != after.get(key)
            }
            changes |= {file: different} if different else {}
            if after != before or not path.is_file():
                write_json(path, after)
    return changes


def _settled(before: Mapping[str, Any], texts: Mapping[str, str], vocabulary: Mapping[str, int]) -> dict[str, Any]:
    """A configuration with these tokens, and with no other token that the vocabulary lacks."""
    after = dict(before)
    for name in NAMES:
        text = _text(before.get(name))
        if name in texts and text != texts[name]:
            after[name] = texts[name]
        elif text is not None and text not in vocabulary:
            del after[name]
    for name in LISTS:
        if isinstance(before.get(name), list):
            after[name] = [token for token in before[name] if _text(token) in vocabulary]
    return after


def _text(token: Any) -> str | None:
    """The text of a token, which a configuration may give with its options."""
    return token.get("content") if isinstance(token, dict) else token


def _read(file: Path) -> dict[str, Any]:
    try:
        value = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SpecialTokenError(f"{file}: not JSON ({error}): correct it, or delete it") from None
    if not isinstance(value, dict):
        raise SpecialTokenError(f"{file}: must hold keys and values, not {type(value).__name__}: correct it")
    return value
