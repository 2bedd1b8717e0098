"""
How does own data get a tokenizer? Byte-level BPE in Tekken's layout, trained by Hugging Face's tokenizers.

The layout is one that gigatoken encodes exactly and in which long documents may be cut, see nano3.tokens.engines and
nano3.tokens.chunking. The same texts give the same file.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from nano3.start.folder import StartError
from nano3.tokens.chunking import PATTERNS

BOS, EOS, PAD = "<|bos|>", "<|endoftext|>", "<|pad|>"
FEWEST = 256 + 3 + 1  # bytes, control tokens, and a merge
MOST = 2**20
LEAST_FREQUENT = 2  # pairs that are there once are noise
CONFIG = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "bos_token": BOS,
    "eos_token": EOS,
    "pad_token": PAD,
    "add_bos_token": False,
    "add_eos_token": False,
    "clean_up_tokenization_spaces": False,
}


@dataclass(frozen=True)
class TrainedTokenizer:
    """files: by name. entries: of its vocabulary, which few data leave fewer than were asked for."""

    files: dict[str, bytes]
    entries: int


def require_entries(entries: int) -> None:
    """Raises StartError for an impossible number of entries."""
    if not FEWEST <= entries <= MOST:
        raise StartError(
            f"--train-tokenizer {entries}: must be from {FEWEST}, the bytes and three control tokens, to {MOST:,}: "
            "32000 suits most data"
        )


def train_tokenizer(texts: Iterable[str], entries: int) -> TrainedTokenizer:
    """A tokenizer of at most so many entries, control tokens included. Raises StartError, as require_entries."""
    require_entries(entries)
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(PATTERNS["tekken"]), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=entries,
        min_frequency=LEAST_FREQUENT,
        special_tokens=[AddedToken(token, normalized=False, special=True) for token in (BOS, EOS, PAD)],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    files = {"tokenizer.json": tokenizer.to_str(pretty=True), "tokenizer_config.json": json.dumps(CONFIG, indent=1)}
    return TrainedTokenizer(
        {name: f"{text}\n".encode() for name, text in files.items()}, tokenizer.get_vocab_size(with_added_tokens=True)
    )
