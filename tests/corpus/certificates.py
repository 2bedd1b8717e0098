"""A file of certificates as a test wants it, and the ancestors that it certifies."""

from pathlib import Path
from typing import Any

import yaml

from nano3.corpus.certificates import certified_ancestors

A, B, C, D = (letter * 64 for letter in "abcd")


def certificate(*earlier: str, **changes: Any) -> dict[str, Any]:
    values = {"same_bytes_as": [*earlier], "proof": D, "date": "2026-01-31", "python": "3.11.7", "packages": {}}
    return values | changes


def written(folder: Path, certificates: Any) -> Path:
    path = folder / "certificates.yaml"
    path.write_text(yaml.safe_dump({"tokenize_shard": certificates}))
    return path


def ancestors(path: Path, code: str) -> set[str]:
    return set(certified_ancestors("tokenize_shard", code, path))
