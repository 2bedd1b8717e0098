"""
A real tokenizer of 131,072 entries without a model hub: Mistral's Tekken of 2024-09-11, which the PyPI package
mistral-common ships, as a Hugging Face tokenizer.json.

The ids are Mistral's: 0 to 999 are control tokens (1 is <s>, 2 is </s>), then come the first 130,072 ranks.
"""

import base64
import json
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from transformers.convert_slow_tokenizer import TikTokenConverter

FIRST_CONTROL_TOKENS = ("<unk>", "<s>", "</s>")
END = "</s>"
END_ID = 2


def write_tokenizer(path: Path) -> None:
    """Convert the tokenizer that mistral-common ships to a tokenizer.json."""
    tekken = json.loads(source().read_text(encoding="utf-8"))
    controls, entries = tekken["config"]["default_num_special_tokens"], tekken["config"]["default_vocab_size"]
    ranks = [base64.b64decode(token["token_bytes"]) for token in tekken["vocab"][: entries - controls]]
    definition = _converted(ranks, tekken["config"]["pattern"])
    names = [*FIRST_CONTROL_TOKENS, *(f"<SPECIAL_{number}>" for number in range(len(FIRST_CONTROL_TOKENS), controls))]
    vocabulary = {name: number for number, name in enumerate(names)}
    vocabulary |= {token: rank + controls for token, rank in definition["model"]["vocab"].items()}
    definition["model"]["vocab"] = vocabulary
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}
    definition["added_tokens"] = [{"id": number, "content": name} | flags for number, name in enumerate(names)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(definition, ensure_ascii=False), encoding="utf-8")


def _converted(ranks: list[bytes], pattern: str) -> dict[str, Any]:
    """The tokenizer.json of byte-level BPE with these ranks as ids."""
    with tempfile.NamedTemporaryFile(suffix=".tiktoken") as file:
        file.write(b"".join(base64.b64encode(token) + b" %d\n" % rank for rank, token in enumerate(ranks)))
        file.flush()
        definition: dict[str, Any] = json.loads(TikTokenConverter(file.name, pattern).converted().to_str())
    return definition


def source() -> Path:
    """Tekken as mistral-common ships it. Found without importing the package, which takes seconds."""
    spec = find_spec("mistral_common")
    if spec is None or spec.origin is None:
        sys.exit("tekken: mistral-common is not installed: pip install -e '.[test]'")
    return Path(spec.origin).parent / "data" / "tekken_240911.json"
