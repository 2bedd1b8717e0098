"""
When are two things the same? When their contents are: bytes for files, canonical JSON for values. For code see
nano3.artifact.code.
"""

import hashlib
import json
from pathlib import Path
from typing import Any


def digest_file(path: Path | str) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits; memory does not grow with the file."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def canonical_json(value: Any) -> str:
    """One text for one value: keys sorted, no spaces, no NaN. Raises ValueError or TypeError for what JSON lacks."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def digest_json(value: Any) -> str:
    """SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def differences(before: Any, after: Any, key: str = "") -> dict[str, tuple[Any, Any]]:
    """Differences of two values by dotted key, as (before, after); None for a missing key."""
    if not (isinstance(before, dict) and isinstance(after, dict)):
        return {} if before == after else {key: (before, after)}
    parts: dict[str, tuple[Any, Any]] = {}
    for name in sorted(before.keys() | after.keys()):
        parts |= differences(before.get(name), after.get(name), f"{key}.{name}" if key else name)
    return parts


def short(digest: str) -> str:
    """The first 12 digits: enough for a folder's name."""
    return digest[:12]
