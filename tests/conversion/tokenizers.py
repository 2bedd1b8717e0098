"""A small tokenizer whose control tokens have ids of their own."""

import json
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

WORDS = [f"w{number}" for number in range(20)]
IDS = {"[PAD]": 5, "<|begin|>": 11, "<|end|>": 13, "<|turn|>": 17}
RECIPE = {"bos": "<|begin|>", "eos": "<|end|>"}


def write_tokenizer(folder: Path, **files: Any) -> Path:
    """A folder with tokenizer.json and other JSON files, by name without extension."""
    folder.mkdir(parents=True, exist_ok=True)
    by_id = dict(enumerate(WORDS)) | {number: token for token, number in IDS.items()}
    tokenizer = Tokenizer(WordLevel({token: number for number, token in by_id.items()}, unk_token="w0"))
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.add_tokens([AddedToken(token, special=True) for token in IDS])
    tokenizer.save(str(folder / "tokenizer.json"))
    for name, value in files.items():
        (folder / f"{name}.json").write_text(json.dumps(value))
    return folder
