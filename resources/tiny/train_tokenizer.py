"""
Train the tiny tokenizer on the tiny corpus: the shards beside this file -> tokenizer/.

A byte-level BPE of 4096 entries, its words split by the regular expression of Mistral's tekken tokenizers, trained on
about as many bytes of each data set, in the files `transformers.AutoTokenizer.from_pretrained` reads:
tokenizer.json, tokenizer_config.json and special_tokens_map.json. Training again gives the same bytes.
"""

import gzip
import io
import json
import random
from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq  # type: ignore[import-untyped, unused-ignore]
import zstandard
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, pre_tokenizers, trainers

HERE = Path(__file__).parent
OUT = HERE / "tokenizer"

VOCAB_SIZE = 4096
SPECIAL_TOKENS = {"unk_token": "<unk>", "bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>"}
SAMPLE_BYTES = 1_000_000
"""About how many bytes of each data set the tokenizer is trained on."""

LETTERS = r"\p{Lm}\p{Lo}\p{M}"
TEKKEN = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{LETTERS}]*[\p{{Ll}}{LETTERS}]+",
        rf"[^\r\n\p{{L}}\p{{N}}]?[\p{{Lu}}\p{{Lt}}{LETTERS}]+[\p{{Ll}}{LETTERS}]*",
        r"\p{N}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)


def json_lines(data: bytes) -> Iterator[dict[str, str]]:
    for line in io.BytesIO(data):
        yield json.loads(line)


def documents(name: str) -> Iterator[str]:
    """The texts of one data set, in order, without the null and the empty one."""
    for path in sorted((HERE / name).iterdir()):
        if path.suffix == ".parquet":
            texts = pq.read_table(path, columns=["text"])["text"].to_pylist()
        elif path.suffix == ".zst":
            texts = [row["content"] for row in json_lines(zstandard.ZstdDecompressor().decompress(path.read_bytes()))]
        else:
            texts = [row["text"] for row in json_lines(gzip.decompress(path.read_bytes()))]
        yield from (text for text in texts if text)


def sample(name: str) -> Iterator[str]:
    """Documents of one data set, drawn with a fixed seed, up to `SAMPLE_BYTES`."""
    texts = list(documents(name))
    random.Random(name).shuffle(texts)
    total = 0
    for text in texts:
        total += len(text.encode())
        if total > SAMPLE_BYTES:
            return
        yield text


def train() -> Tokenizer:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(TEKKEN), behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=VOCAB_SIZE,
        special_tokens=[AddedToken(token, normalized=False, special=True) for token in SPECIAL_TOKENS.values()],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    texts = [text for name in ("english", "code", "math", "spanish") for text in sample(name)]
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def main() -> None:
    OUT.mkdir(exist_ok=True)
    train().save(str(OUT / "tokenizer.json"))
    config = SPECIAL_TOKENS | {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": 262_144,
        "add_bos_token": False,
        "add_eos_token": False,
        "clean_up_tokenization_spaces": False,
    }
    (OUT / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n")
    (OUT / "special_tokens_map.json").write_text(json.dumps(SPECIAL_TOKENS, indent=2) + "\n")


if __name__ == "__main__":
    main()
