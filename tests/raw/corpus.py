"""Dataset `corpus`, from a repository of the Hub: its files, its description, and the download of a shard."""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nano3.raw.datasets import Dataset
from nano3.raw.download import download_shard
from tests.hub import Hub

README = """---
configs:
- config_name: High-Quality
  data_files:
  - split: train
    path: High-Quality/*.parquet
  - split: heldout
    path: High-Quality/rest/*.parquet
- config_name: High-Quality-Synthetic
  data_files:
  - split: train
    path: High-Quality-Synthetic/*.parquet
---
# A dataset with sibling subsets
"""
REPOSITORY, NO_COMMIT = "org/corpus", "a" * 40


def parquet(*texts: str) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"text": pa.array(texts, pa.string())}), sink, compression="none")
    return bytes(sink.getvalue().to_pybytes())


PART = parquet(*(f"document {number} " + "x" * 50 for number in range(100)))
FILES = {
    "README.md": README.encode(),
    "High-Quality/part-0.parquet": PART,
    "High-Quality/part-1.parquet": parquet("a", "b"),
    "High-Quality/rest/part-9.parquet": parquet("held out"),
    "High-Quality-Synthetic/part-0.parquet": parquet("s" * 2000),
}


def describe(catalogue: Path, name: str = "corpus", **keys: Any) -> None:
    """Write a dataset's yaml; a key that is None is left out."""
    keys = {"source": f"hf://{REPOSITORY}", "text_column": "text", "category": "x", "licence": "y", "about": "z"} | keys
    (catalogue / f"{name}.yaml").write_text(
        "".join(f"{key}: {value}\n" for key, value in keys.items() if value is not None)
    )


def local(source: str = "raw", column: str = "text") -> Dataset:
    """The description of a local dataset."""
    keys = {"source": source, "files": "*", "text_column": column, "category": "x", "licence": "y", "about": "z"}
    return Dataset.model_validate(keys)


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def download(hub: Hub, raw: Path, path: str = "High-Quality/part-0.parquet", content: bytes = PART) -> None:
    """Download a file of the first commit, pinned as `content`."""
    commit = next(iter(hub.repositories[REPOSITORY]))
    download_shard(f"hf://datasets/{REPOSITORY}@{commit}/{path}", sha256(content), len(content), raw)
