r"""
Which engine encodes a tokenizer's texts, and which texts does gigatoken leave to Hugging Face's tokenizers?

The ids are those of Hugging Face's tokenizers. gigatoken makes them about thirty times as fast, but
- of some settings of a tokenizer.json it takes no notice, and others it reads otherwise: it is used for listed layouts
  alone, see nano3.tokens.fast_layouts;
- its Unicode tables are newer, it matches added tokens by rules of its own, and orders marks by newer tables: a text
  with such a place is encoded by tokenizers, see Exceptions.

How do we know of no others? Every kind of code point is encoded by both in all contexts that the listed patterns tell
apart, and so are random texts, with many layouts of a tokenizer.json (tests/tokens/test_engines.py, test_fuzz.py).
"""

import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any, NamedTuple, TypeAlias

import gigatoken
import msgspec
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import tokenizers

from nano3 import Nano3Error
from nano3.core.arrow import int64_values, mask_array, mask_values
from nano3.raw.tokenizer_json import TokenizerJson
from nano3.tokens.fast_layouts import against_gigatoken, around, is_plain

Engine: TypeAlias = gigatoken.Tokenizer | tokenizers.Tokenizer
Flags = npt.NDArray[np.bool_]

# Characters of Unicode 17, which gigatoken 0.10 knows and tokenizers 0.23 does not: letters, marks, digits; symbols.
UNICODE_17 = (
    "088F 0C5C 0CDC 1ACF-1ADD 1AE0-1AEB A7CE-A7CF A7D2 A7D4 A7F1 10940-10959 10EC5-10EC7 10EFA-10EFB 11B60-11B67 "
    "11DB0-11DDB 11DE0-11DE9 16EA0-16EB8 16EBB-16ED3 16FF2-16FF6 187F8-187FF 18D09-18D1E 18D80-18DF2 1E6C0-1E6DE "
    "1E6E0-1E6F5 1E6FE-1E6FF 2B73A-2B73F 2CEA2-2CEAD 323B0-33479 "
    "20C1 2B96 10ED0-10ED8 1CCFA-1CCFC 1CEBA-1CED0 1CEE0-1CEF0 1F6D8 1F777-1F77A 1F8D0-1F8D8 1FA54-1FA57 1FA8A 1FA8E "
    "1FAC8 1FACD 1FAEA 1FAEF 1FBFA FBC3-FBD2 FD90-FD91 FDC8-FDCE"
)
# Blocks of marks of Unicode 16 and 17 that Arrow's regular expressions do not count among \pM.
NEW_MARKS = "0897 10D40-10D8F 10EFC 11380-113FF 11B60-11B6F 11F5A 16100-1613F 16D40-16D7F 1E5D0-1E5FF 1E6E0-1E6FF"
LONGEST_PATTERN = 2**14  # characters of a regular expression over the added tokens; Arrow refuses much larger ones
LONGEST_BEGINNING = 32  # characters of an added token that are looked for: longer ones make the search slow


class TokenizerLoadError(Nano3Error):
    """A tokenizer.json can't be loaded by the engine that was named."""


def load_engine(tokenizer: TokenizerJson, settings: Mapping[str, Any], engine: str) -> Engine:
    """
    What encodes most texts. settings: the recipe's token settings. engine: gigatoken, tokenizers, or auto: the first
    that gives the ids of the second.

    Raises TokenizerLoadError if the engine can't load the file or would give other ids.
    """
    if engine == "tokenizers":
        return load_reference(tokenizer, settings)
    against = against_gigatoken(tokenizer, settings)
    if against is None:
        definition = tokenizer.for_engines(around(settings))
        if is_plain(settings):
            definition |= {"added_tokens": [token for token in definition["added_tokens"] if not token["special"]]}
        try:
            return gigatoken.Tokenizer.from_json(msgspec.json.encode(definition))
        except BaseException as error:
            against = f"gigatoken can't load it ({_sentence(error)})"
    if engine == "auto":
        return load_reference(tokenizer, settings)
    raise TokenizerLoadError(f"{tokenizer.file}: {against}: set tokenizer.engine to auto or tokenizers")


def load_reference(tokenizer: TokenizerJson, settings: Mapping[str, Any]) -> tokenizers.Tokenizer:
    """Hugging Face's tokenizers: its ids are the right ones. Raises TokenizerLoadError if it can't load the file."""
    try:
        data = msgspec.json.encode(tokenizer.for_engines(around(settings))).decode()
        reference = tokenizers.Tokenizer.from_str(data)
    except BaseException as error:
        raise TokenizerLoadError(
            f"{tokenizer.file}: Hugging Face's tokenizers can't load it ({_sentence(error)}): name another tokenizer"
        ) from None
    reference.encode_special_tokens = is_plain(settings)
    return reference


class Kinds(NamedTuple):
    """
    What is special about texts, all of shape [texts]. exceptions: what gigatoken leaves to tokenizers. doubtful: others
    that hold a combining mark or spell out a control token: of these, more are checked.
    """

    exceptions: Flags
    doubtful: Flags


class Exceptions:
    """
    Texts that gigatoken leaves to tokenizers: those that hold

    - an added token. Which one is found first, and what is taken from beside it, is decided by rules that differ. Where
      all are control tokens, and these are characters, gigatoken knows of none, and there is nothing to find;
    - a character that only the newer of the two Unicode tables knows;
    - a combining mark, where the tokenizer normalizes: marks are put in order by tables that differ.

    A run of white space that is an added token without flags is as good as a token of the vocabulary, and is none.
    """

    def __init__(self, tokenizer: TokenizerJson, settings: Mapping[str, Any]) -> None:
        control = tokenizer.control_tokens(around(settings))
        contents = [token["content"] for token in tokenizer.added_tokens]
        spelled = sorted({text for text in contents if not text.isspace()} | {*control}, key=len, reverse=True)
        self._control = sorted(control, key=len, reverse=True)
        self._all_spelled = not is_plain(settings) or len(control) < len(contents)
        new, marks = _ranges(UNICODE_17), rf"\pM{_ranges(NEW_MARKS)}"
        self._tokens, self._wide = "|".join(_beginnings(spelled)), f"[{new}{marks}]"
        self._new = self._wide if tokenizer.definition.get("normalizer") else f"[{new}]"

    def among(self, texts: pa.LargeStringArray) -> Kinds:
        """Which of these texts they are, perhaps with a few more. texts: no nulls."""
        everywhere = np.ones(len(texts), dtype=np.bool_)
        spelled = _matching(texts, self._tokens, everywhere) if self._tokens else ~everywhere
        wide = _matching(texts, self._wide, ~_is_ascii(texts))
        new = _matching(texts, self._new, wide)
        exceptions = new | spelled if self._all_spelled else new
        return Kinds(exceptions, (wide | spelled) & ~exceptions)

    def control_tokens(self, texts: pa.LargeStringArray, kinds: Kinds) -> int:
        """How often control tokens are spelled out. kinds: of the texts."""
        if not self._control:
            return 0
        places = np.flatnonzero(kinds.exceptions | kinds.doubtful).tolist()
        return sum(self._count(texts[place].as_py()) for place in places)

    def _count(self, text: str) -> int:
        count = end = 0
        while match := self._beginning.search(text, end):
            begin = match.start()
            size = next((size for size in self._sizes if text[begin : begin + size] in self._names), 0)
            count, end = count + bool(size), begin + max(1, size)
        return count

    @cached_property
    def _beginning(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, sorted({token[:2] for token in self._control}, reverse=True))))

    @cached_property
    def _names(self) -> frozenset[str]:
        return frozenset(self._control)

    @cached_property
    def _sizes(self) -> list[int]:
        return sorted({len(token) for token in self._control}, reverse=True)


def _matching(texts: pa.LargeStringArray, pattern: str, among: Flags) -> Flags:
    """Which of some of the texts match a regular expression, shape [texts]. among: the ones that are looked at."""
    out = np.zeros(len(texts), dtype=np.bool_)
    if among.any():
        some = texts if among.all() else texts.filter(mask_array(among))
        out[among] = mask_values(pc.match_substring_regex(some, pattern))
    return out


def _is_ascii(texts: pa.LargeStringArray) -> Flags:
    """Which texts have as many bytes as characters, shape [texts]."""
    return np.equal(*(int64_values(length(texts), null=0) for length in (pc.utf8_length, pc.binary_length)))


def _ranges(blocks: str) -> str:
    """Code points as the inside of a character class: 0897 or 1ACF-1ADD, in hexadecimal."""
    return "".join(
        "-".join(rf"\x{{{end}}}" for end in (block.split("-") if "-" in block else [block])) for block in blocks.split()
    )


def _beginnings(tokens: list[str]) -> list[str]:
    """Regular expressions that find every token: the tokens or, where these are too many, what they begin with."""
    longest = min(max(map(len, tokens), default=0), LONGEST_BEGINNING)
    for size in range(longest, 0, -1):
        words = [re.escape(word) for word in dict.fromkeys(token[:size] for token in tokens)]
        if sum(map(len, words)) + len(words) <= LONGEST_PATTERN:
            return words
    return [".*"] if tokens else []


def _sentence(error: BaseException) -> str:
    """A library's error in one line. Raises what is no error of a library, such as an interruption."""
    if isinstance(error, KeyboardInterrupt | SystemExit):
        raise error
    return " ".join(str(error).split())
