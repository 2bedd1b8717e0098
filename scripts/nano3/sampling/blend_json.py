"""Which dataset is a pair of? Its path tells: a blend.json holds nothing but prefixes."""

import json
from pathlib import Path


def dataset_of(prefix: str, split: str) -> str:
    """The dataset of a prefix that write_blend listed."""
    path = Path(prefix)
    return (path.parent if split == "train" else path).parent.name


def train_prefixes(blend: Path) -> dict[str, list[str]]:
    """The training pairs of a blend.json by dataset, in catalogue order."""
    prefixes: dict[str, list[str]] = {}
    for prefix in json.loads(blend.read_text(encoding="utf-8"))["train"][1::2]:
        prefixes.setdefault(dataset_of(prefix, "train"), []).append(prefix)
    return prefixes
