"""
Which layouts of a tokenizer.json does gigatoken read as Hugging Face's tokenizers does?

It imports neither, so a plan can ask which of them will encode; see nano3.tokens.engines.
"""

from collections.abc import Iterator, Mapping
from itertools import chain
from typing import Any

from nano3.raw.tokenizer_json import BYTE_CHARACTERS, TokenizerJson
from nano3.tokens.chunking import PATTERNS

FARTHEST_ID = 2**22  # gigatoken's tables have a place for every id below the largest
QWEN_2 = PATTERNS["llama 3"].replace(r"\p{N}{1,3}", r"\p{N}")
QWEN_35 = QWEN_2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]+", r"[^\s\p{L}\p{M}\p{N}]+")
DEEPSEEK_3 = (
    r"\p{N}{1,3}",
    "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+",
    "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+"
    "| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+",
)
# What splits a text before it becomes bytes: the patterns of a pre_tokenizer, each covering all of any text.
SPLITS = {(pattern,) for pattern in (*PATTERNS.values(), QWEN_2, QWEN_35)} | {DEEPSEEK_3}
PREPEND, REPLACE = (
    {"type": "Prepend", "prepend": "▁"},
    {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
)
# Normalizer and pre_tokenizer of SentencePiece models: Llama 2's and Gemma's.
SENTENCEPIECE = [
    ({"type": "Sequence", "normalizers": [PREPEND, REPLACE]}, None),
    (REPLACE, None),
    (REPLACE, {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}),
]


def is_plain(settings: Mapping[str, Any]) -> bool:
    """Whether a text that spells out a control token is its characters. settings: the recipe's token settings."""
    return bool(settings["special_tokens_in_text"] == "characters")


def around(settings: Mapping[str, Any]) -> list[str]:
    """The recipe's beginning and end of a document: control tokens, whatever the tokenizer.json says of them."""
    return [settings["bos_token"], settings["eos_token"]]


def against_gigatoken(tokenizer: TokenizerJson, settings: Mapping[str, Any]) -> str | None:
    """Why gigatoken might give other ids than tokenizers, as a clause; None if it gives the same."""
    return next(chain(_against_model(tokenizer), _against_added(tokenizer, settings)), None)


def _against_model(tokenizer: TokenizerJson) -> Iterator[str]:
    model = tokenizer.model
    if tokenizer.kind != "BPE":
        yield f"gigatoken has no {tokenizer.kind} models"
        return
    for option in ("continuing_subword_prefix", "end_of_word_suffix"):
        if model.get(option):
            yield f"gigatoken takes no notice of model.{option}"
    if tokenizer.entries > FARTHEST_ID:
        yield f"gigatoken would take a place for each id up to {tokenizer.entries - 1}"
    if not _is_known(tokenizer):
        yield "its normalizer and pre_tokenizer are not among those that gigatoken reads as tokenizers does"
    if not tokenizer.is_byte_level and (model.get("ignore_merges") or not tokenizer.has_all_bytes):
        yield "gigatoken reads ignore_merges, and bytes without tokens, otherwise"
    if tokenizer.is_byte_level and (raw := _raw_token(tokenizer)) is not None:
        yield f"gigatoken takes token {raw!r} of the vocabulary for its bytes"
    if tokenizer.has_merges_twice:
        yield "gigatoken takes the first rank of a merge that is there twice"


def _is_known(tokenizer: TokenizerJson) -> bool:
    """Whether the normalizer and the pre_tokenizer are of a layout for which the ids were compared."""
    normalizer, pre_tokenizer = tokenizer.definition["normalizer"], tokenizer.definition.get("pre_tokenizer")
    if not tokenizer.is_byte_level:
        metaspace = normalizer is None and isinstance(pre_tokenizer, dict) and pre_tokenizer["type"] == "Metaspace"
        return bool(tokenizer.model.get("byte_fallback")) and (
            metaspace or any((normalizer, pre_tokenizer) == known for known in SENTENCEPIECE)
        )
    if normalizer not in (None, {"type": "NFC"}):
        return False
    match pre_tokenizer:
        case {"type": "ByteLevel", **options}:
            return bool(options.get("use_regex", True))
        case {"type": "Sequence", "pretokenizers": [*splits, {"type": "ByteLevel"} as last]}:
            ways = {(split.get("behavior"), split.get("invert")) for split in splits}
            isolated = ways == {("Isolated", False)} or (len(splits) == 1 and ways == {("Removed", True)})
            patterns = tuple((split.get("pattern") or {}).get("Regex") for split in splits)
            bytes_alone = not last.get("add_prefix_space", True) and not last.get("use_regex", True)
            return isolated and patterns in SPLITS and bytes_alone
    return False


def _raw_token(tokenizer: TokenizerJson) -> str | None:
    """
    A token of a byte-level vocabulary that is not written in characters for bytes, and that gigatoken could make; None
    if there is none. Where merges are ignored, it is any; else one whose bytes are another token's.
    """
    delete = dict.fromkeys(map(ord, BYTE_CHARACTERS.values()))
    if not "".join(tokenizer.vocabulary).translate(delete):
        return None
    for token in tokenizer.vocabulary:
        if token.translate(delete):
            written = "".join(BYTE_CHARACTERS[byte] for byte in token.encode())
            if tokenizer.model.get("ignore_merges") or written in tokenizer.vocabulary:
                return token
    return None


def _against_added(tokenizer: TokenizerJson, settings: Mapping[str, Any]) -> Iterator[str]:
    """Where control tokens are characters, gigatoken does not get these."""
    control = set(tokenizer.control_tokens(around(settings))) if is_plain(settings) else set()
    tokens = [token for token in tokenizer.added_tokens if token["content"] not in control]
    first_space = (tokenizer.definition.get("pre_tokenizer") or {}).get("add_prefix_space")
    for token in tokenizer.added_tokens if tokens else []:
        content = token["content"]
        if tokenizer.definition["normalizer"] and token["normalized"] and not content.isspace():
            yield f"gigatoken does not look for added token {content!r} in normalized text"
        if content.isspace() and not content.isascii():
            yield f"gigatoken does not normalize added token {content!r}"
        if content.isspace() and (token["single_word"] or token["lstrip"] or token["rstrip"]):
            yield f"gigatoken takes no notice of the flags of added token {content!r}"
        if first_space and content[0].isspace():
            yield f"gigatoken finds added token {content!r} in the space that is put before a text"
    if len({token["normalized"] for token in tokens if token["content"].isspace()}) > 1:
        yield "gigatoken looks for normalized and other added tokens of white space at once"
