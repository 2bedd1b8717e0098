"""
Small tokenizers with the structure of public ones, and odd ones, trained on the repository's own small corpus.

Each is a tokenizer.json as a dict. SLOW says which of them gigatoken does not encode.
"""

import copy
import json
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from nano3.tokens.chunking import PATTERNS
from nano3.tokens.fast_layouts import DEEPSEEK_3, QWEN_2, QWEN_35

Definition = dict[str, Any]
ENGLISH = Path("resources/tiny/english/train-00001-of-00003.parquet")
SPECIAL = ["<unk>", "<s>", "</s>"]
OTHER_WORDS = (
    "naïve café déjà vu Übergröße señor 日本語の文章 中文文本 हिन्दी नमस्ते עִבְרִית العربية ไทย 한국어 русский текст "
    "ελληνικά 12345 67 890 ½ ٣٤ \t  \n\n   x\r\ny def parse(self, x):\n    return x.parse() // don't we'll"
)
# What tiktoken's cl100k splits at, in its own spelling and in another.
CL100K = (
    r"'(?i:[sdmt]|ll|ve|re)|[^\r\n\p{L}\p{N}]?+\p{L}++|\p{N}{1,3}+| ?[^\s\p{L}\p{N}]++[\r\n]*+"
    r"|\s++$|\s*[\r\n]|\s+(?!\S)|\s+"
)
CL100K_2 = PATTERNS["llama 3"].replace(r"\s*[\r\n]+", r"\s*[\r\n]")
BLOOM = r" ?[^(\s|[.,!?…。，、।۔،])]+"


@cache
def corpus() -> list[str]:
    """Text to train on: it decides no test, as both engines get the same tokenizer."""
    return [text for text in pq.read_table(ENGLISH).column("text").to_pylist() if text] + [OTHER_WORDS] * 50


def byte_level(
    pre_tokenizer: Any = None, normalizer: Any = None, added: Sequence[Any] = (), special: Sequence[str] = ()
) -> Definition:
    """A BPE over bytes, as GPT-2 has it unless another pre_tokenizer is given. special: more control tokens."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.ByteLevel(add_prefix_space=False)
    if normalizer:
        tokenizer.normalizer = normalizer
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=900, special_tokens=[*SPECIAL, *special], initial_alphabet=alphabet, show_progress=False
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    tokenizer.add_tokens(list(added))
    return as_definition(tokenizer)


def split(*patterns: str) -> Any:
    """A pre_tokenizer that splits at patterns, then makes bytes."""
    parts = [pre_tokenizers.Split(Regex(pattern), "isolated") for pattern in patterns]
    return pre_tokenizers.Sequence([*parts, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)])


def as_definition(tokenizer: Tokenizer) -> Definition:
    """Its tokenizer.json."""
    definition: Definition = json.loads(tokenizer.to_str())
    return definition


def edited(definition: Definition, edit: Callable[[Definition], Any]) -> Definition:
    """A changed copy."""
    changed = copy.deepcopy(definition)
    edit(changed)
    return changed


def with_added(definition: Definition, *tokens: str, **flags: bool) -> Definition:
    """A copy with more added tokens."""

    def add(changed: Definition) -> None:
        vocabulary, plain = changed["model"]["vocab"], ("single_word", "lstrip", "rstrip", "normalized", "special")
        number = len(vocabulary.keys() | {token["content"] for token in changed["added_tokens"]})
        for token in tokens:
            own = vocabulary.get(token, number)
            number += own == number
            changed["added_tokens"].append({"id": own, "content": token, **dict.fromkeys(plain, False), **flags})

    return edited(definition, add)


def _sentencepiece(normalizer: Any, pre_tokenizer: Any) -> Definition:
    """A BPE over characters that falls back to bytes, as Llama 2 and Gemma have it."""
    tokenizer = Tokenizer(models.BPE(unk_token="<unk>", fuse_unk=True, byte_fallback=True))
    tokenizer.normalizer = normalizers.Replace(" ", "▁")
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("▁"), "merged_with_next")
    tokens = [*SPECIAL, *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=1500, special_tokens=tokens, show_progress=False)
    tokenizer.train_from_iterator(corpus(), trainer)

    def edit(changed: Definition) -> None:
        changed["added_tokens"] = [token for token in changed["added_tokens"] if token["content"] in SPECIAL]
        changed |= {"normalizer": normalizer, "pre_tokenizer": pre_tokenizer}

    return edited(as_definition(tokenizer), edit)


def _trained(model: Any, trainer: Any, normalizer: Any = None, pre_tokenizer: Any = None) -> Definition:
    tokenizer = Tokenizer(model)
    tokenizer.pre_tokenizer = pre_tokenizer or pre_tokenizers.Whitespace()
    if normalizer:
        tokenizer.normalizer = normalizer
    tokenizer.train_from_iterator(corpus(), trainer)
    return as_definition(tokenizer)


def _moved(definition: Definition) -> None:
    """The end of a document and the last token get ids that do not fit into 16 bits; holes stay behind."""
    vocabulary = definition["model"]["vocab"]
    vocabulary |= {"</s>": 70_000, max(vocabulary, key=vocabulary.get): 69_000}
    next(token for token in definition["added_tokens"] if token["content"] == "</s>")["id"] = 70_000


@cache
def layouts() -> dict[str, Definition]:
    """All layouts by name."""
    gpt2, llama3 = byte_level(), byte_level(split(PATTERNS["llama 3"]))
    qwen2 = byte_level(split(QWEN_2), normalizers.NFC())
    spaces = [AddedToken(" " * size, normalized=True) for size in range(24, 1, -1)]
    pieces = {"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    llama2 = _sentencepiece({"type": "Sequence", "normalizers": list(pieces)}, None)
    gemma_split = {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": False}
    nothing = {"type": "Sequence", "normalizers": [{"type": "Sequence", "normalizers": []}]}
    gemma = _sentencepiece(pieces[1], gemma_split)
    strip = {"type": "Strip", "strip_left": True, "strip_right": False}
    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    quiet: dict[str, Any] = {"special_tokens": SPECIAL, "show_progress": False}
    unigram = trainers.UnigramTrainer(vocab_size=600, unk_token="<unk>", **quiet)
    wordpiece = trainers.WordPieceTrainer(vocab_size=900, **quiet)
    wordlevel = trainers.WordLevelTrainer(vocab_size=900, **quiet)

    def model(**options: Any) -> Callable[[Definition], Any]:
        return lambda changed: changed["model"].update(options)

    def before(part: Definition, place: int = 0) -> Callable[[Definition], Any]:
        return lambda changed: changed["pre_tokenizer"]["pretokenizers"].insert(place, part)

    def split_at(pattern: dict[str, str]) -> Definition:
        return {"type": "Split", "pattern": pattern, "behavior": "Isolated", "invert": False}

    def pre_tokenizer(place: int | None = None, **options: Any) -> Callable[[Definition], Any]:
        def edit(changed: Definition) -> None:
            section = changed["pre_tokenizer"]
            (section if place is None else section["pretokenizers"][place]).update(options)

        return edit

    padding: dict[str, Any] = {"strategy": {"Fixed": 64}, "direction": "Right", "pad_to_multiple_of": None}
    padding |= {"pad_id": 0, "pad_type_id": 0, "pad_token": "<unk>"}
    truncation = {"direction": "Right", "max_length": 16, "strategy": "LongestFirst", "stride": 0}
    return {
        "gpt2": gpt2,
        "gpt2, a space first": edited(gpt2, pre_tokenizer(add_prefix_space=True)),
        "gpt2, merges ignored": edited(gpt2, model(ignore_merges=True)),
        "gpt2, unknown token": edited(gpt2, model(unk_token="<unk>", fuse_unk=True)),
        "llama 3": llama3,
        "llama 3, merges ignored": edited(llama3, model(ignore_merges=True)),
        "tekken": byte_level(split(PATTERNS["tekken"])),
        "o200k": byte_level(split(PATTERNS["o200k"])),
        "qwen2": qwen2,
        "qwen3.5": byte_level(split(QWEN_35), normalizers.NFC()),
        "deepseek 3": byte_level(split(*DEEPSEEK_3)),
        "gpt-4, as it was converted": edited(llama3, pre_tokenizer(0, behavior="Removed", invert=True)),
        "a sequence of no normalizers": edited(
            with_added(llama3, "<n>", normalized=True), lambda it: it.update(normalizer=nothing)
        ),
        "neox": byte_level(None, normalizers.NFC(), spaces),
        "olmo": byte_level(None, normalizers.NFC(), [AddedToken("|||IP_ADDRESS|||", normalized=True), *spaces]),
        "llama 2": llama2,
        "gemma": gemma,
        "metaspace": _sentencepiece(None, metaspace),
        "truncation and padding": edited(gpt2, lambda it: it.update(truncation=truncation, padding=padding)),
        "an end that is not special": edited(gpt2, lambda it: [t.update(special=False) for t in it["added_tokens"]]),
        "ids with holes": edited(gpt2, _moved),
        "an empty added token": with_added(gpt2, ""),
        "single words": with_added(gpt2, "cat", "a", single_word=True),
        "white space taken from the left": with_added(gpt2, "<l>", lstrip=True),
        "white space taken from the right": with_added(gpt2, "<r>", "the", rstrip=True),
        "tokens inside others": with_added(gpt2, "<a", "<a>", "a>b", "catch", "cat", "tch"),
        "control tokens around others": with_added(with_added(gpt2, "<|a|>", special=True), "a|", "|>"),
        "control tokens of white space": with_added(gpt2, "\n\n\n", "\t\t", " \n", special=True),
        "runs of white space": with_added(gpt2, "  ", "    ", "\n\n", "\t"),
        "5,000 control tokens": with_added(gpt2, *(f"<|place {n:06d}|>" for n in range(5000)), special=True),
        "control tokens of all letters": with_added(gpt2, *(chr(0x4E00 + n) for n in range(9000)), special=True),
        "odd control tokens": with_added(gpt2, "<｜end▁of▁turn｜>", "<\x00>", "a-b~c #", ".*", "[", special=True),
        # What gigatoken does not do, or not as tokenizers does.
        "starcoder": byte_level(
            pre_tokenizers.Sequence([pre_tokenizers.Digits(True), pre_tokenizers.ByteLevel(add_prefix_space=False)])
        ),
        "bloom": byte_level(split(BLOOM)),
        "unigram": _trained(models.Unigram(), unigram, normalizers.NFKC(), pre_tokenizers.Metaspace()),
        "wordpiece": _trained(models.WordPiece(unk_token="<unk>"), wordpiece, normalizers.BertNormalizer()),
        "words": _trained(models.WordLevel(unk_token="<unk>"), wordlevel),
        "a suffix of words": edited(gpt2, model(end_of_word_suffix="</w>")),
        "bytes without a pattern": edited(gpt2, pre_tokenizer(use_regex=False)),
        "a pattern's matches removed": edited(llama3, pre_tokenizer(0, behavior="Removed")),
        "a pattern's matches joined": edited(llama3, pre_tokenizer(0, behavior="Contiguous")),
        "a pattern and another": edited(llama3, pre_tokenizer(1, use_regex=True)),
        "a pattern and a space": edited(llama3, pre_tokenizer(1, add_prefix_space=True)),
        "lower case": edited(gpt2, lambda it: it.update(normalizer={"type": "Lowercase"})),
        "normalized added tokens": with_added(qwen2, "e\u0301a", "K", normalized=True),
        "white space with flags": with_added(gpt2, "  ", lstrip=True),
        "cl100k": byte_level(split(CL100K)),
        "cl100k in other words": byte_level(split(CL100K_2)),
        "a split at a letter before a pattern": edited(llama3, before(split_at({"String": "e"}))),
        "a split at a letter after a pattern": edited(llama3, before(split_at({"Regex": "e"}), 1)),
        "control tokens that are bytes": byte_level(None, None, (), ["\n", "\t", "  "]),
        "words of the vocabulary that are bytes": edited(gpt2, lambda it: it["model"]["vocab"].update({"\n": 900})),
        "merges ignored, words that are bytes": edited(
            gpt2, lambda it: (it["model"]["vocab"].update({"日本": 900}), it["model"].update(ignore_merges=True))
        ),
        "white space, some of it normalized": with_added(with_added(gpt2, "\n"), "\n\n", normalized=True),
        "white space that is normalized": with_added(qwen2, "\u2000", normalized=True),
        "a space first, and tokens that begin so": with_added(
            edited(gpt2, pre_tokenizer(add_prefix_space=True)), " the", " \n"
        ),
        "a merge twice": edited(gpt2, lambda it: it["model"]["merges"].append(it["model"]["merges"][0])),
        "bytes without tokens": edited(
            llama2, lambda it: [it["model"]["vocab"].pop(f"<0x{b:02X}>") for b in (0xE2, 0x80)]
        ),
        "metaspace, stripped": edited(gemma, lambda it: it.update(normalizer=strip, pre_tokenizer=metaspace)),
        "an added token twice": edited(
            with_added(llama3, "<x>"),
            lambda it: it["added_tokens"].append(it["added_tokens"][-1] | {"single_word": True}),
        ),
        "decoder of a pipe": edited(gpt2, lambda it: it.update(decoder=as_definition(_decoder())["decoder"])),
    }


def _decoder() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Fuse()])
    return tokenizer


SLOW = [
    *("olmo", "starcoder", "bloom", "unigram", "wordpiece", "words", "a suffix of words", "bytes without a pattern"),
    *("a pattern's matches removed", "a pattern's matches joined", "a pattern and another", "a pattern and a space"),
    *("lower case", "normalized added tokens", "white space with flags", "cl100k", "cl100k in other words"),
    *("a split at a letter before a pattern", "a split at a letter after a pattern", "control tokens that are bytes"),
    *("words of the vocabulary that are bytes", "merges ignored, words that are bytes"),
    *(
        "white space, some of it normalized",
        "white space that is normalized",
        "a space first, and tokens that begin so",
    ),
    *("a merge twice", "bytes without tokens", "metaspace, stripped"),
]
