"""Which dataset a pair is of, by where it lies: a blend.json knows nothing but prefixes."""

import json
from pathlib import Path


def dataset_of(prefix: str, split: str) -> str:
    """The dataset that a prefix in a blend belongs to; the other direction of what write_blend lists."""
    place = Path(prefix)
    return (place.parent if split == "train" else place).parent.name


def train_prefixes(blend: Path) -> dict[str, list[str]]:
    """The training pairs of a blend.json by dataset, in catalogue order."""
    prefixes: dict[str, list[str]] = {}
    for prefix in json.loads(blend.read_text(encoding="utf-8"))["train"][1::2]:
        prefixes.setdefault(dataset_of(prefix, "train"), []).append(prefix)
    return prefixes
