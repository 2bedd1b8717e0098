"""Folders of generated text, in the shapes that people have."""

import bz2
import csv
import gzip
import io
import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

WORDS = [f"{begin}{end}" for begin in ("ka", "lo", "mi", "nu", "te", "so", "ri") for end in ("ra", "nto", "li", "ve")]


def text(seed: object, words: int = 60) -> str:
    return " ".join(random.Random(str(seed)).choices(WORDS, k=words))


def rows(number: int, seed: object = 0, column: str = "text", words: int = 60) -> list[dict[str, Any]]:
    return [
        {"id": f"doc-{seed}-{row}", column: text((seed, row), words), "score": row / 7, "url": None}
        for row in range(number)
    ]


def write(path: Path, values: Sequence[dict[str, Any]]) -> Path:
    """Rows as a file, in the format that its name says."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = _encoded(path.name, values)
    packs: dict[str, Callable[[bytes], bytes]] = {
        ".gz": gzip.compress,
        ".zst": zstandard.compress,
        ".bz2": bz2.compress,
    }
    path.write_bytes(packs.get(path.suffix, bytes)(data))
    return path


def _encoded(name: str, values: Sequence[dict[str, Any]]) -> bytes:
    if ".parquet" in name:
        sink = io.BytesIO()
        pq.write_table(pa.Table.from_pylist(list(values)), sink)
        return sink.getvalue()
    if ".csv" in name:
        sheet = io.StringIO()
        writer = csv.DictWriter(sheet, [*values[0]])
        writer.writeheader()
        writer.writerows(values)
        return sheet.getvalue().encode()
    return "".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values).encode()


def web(folder: Path, files: int = 6, each: int = 40) -> Path:
    """The usual folder: shards of .jsonl.zst."""
    for number in range(files):
        write(folder / f"part-{number:05}.jsonl.zst", rows(each, number))
    return folder
