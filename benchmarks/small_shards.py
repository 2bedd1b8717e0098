"""
How many small shards a second: bundles, against a job for each shard, alone and in Snakemake's groups.

Shards of 20 to 50 kB of resources/tiny's texts, tokenized for real, each way from nothing.

    python benchmarks/small_shards.py
"""

import json
import os
import shutil
import subprocess
import sys
import time
from hashlib import sha256
from itertools import islice
from pathlib import Path

from memory import documents
from nano3.config.load import load_recipe
from nano3.raw.datasets import Shard, pins_path, read_pins, write_pins
from synthetic import copy_repository, described, recipe

HOUSE = Path("build/plan/small")
SHARDS, SUBSET = 2000, 50  # a job for each shard is measured on a subset
DATASET = "small"
GROUPS = ("--groups", "tokenize_shard=bundle", "--group-components", "bundle=25")


def catalogue() -> None:
    """The shards, described and pinned."""
    folder, texts = described(DATASET), documents(SHARDS * 10**6)
    pins = []
    for number in range(SHARDS):
        lines: list[str] = []
        while sum(map(len, lines)) < 20_000:
            lines += [json.dumps({"text": text[:30_000]}) + "\n" for text in islice(texts, 1)]
        path, content = folder / f"part-{number:05}.jsonl", "".join(lines).encode()
        path.write_bytes(content)
        pins.append(Shard(path.stem, str(path), len(content), len(lines), sha256(content).hexdigest()))
    write_pins(pins_path(DATASET), pins)


def measured(name: str, shards: int, *arguments: str) -> dict[str, float | str]:
    """Build from nothing. Returns what it took."""
    shutil.rmtree("results", ignore_errors=True)
    began = time.perf_counter()
    with open("said.txt", "wb") as log:
        command = [sys.executable, "-m", "snakemake", *arguments]
        if subprocess.run(command, stdout=log, stderr=log, check=False).returncode:
            sys.exit(f"{name}: {Path('said.txt').read_text(encoding='utf-8')[-3000:]}")
    seconds = time.perf_counter() - began
    made = len(list(Path("results/tokens").glob(f"*/{DATASET}/train/*.json")))
    assert made == shards, f"{name}: {made} shards were made"
    print(f"{name:28} {shards:6,} shards {seconds:8.1f} s {shards / seconds:8.1f} shards/s", flush=True)
    return {"way": name, "shards": shards, "seconds": seconds}


def main() -> None:
    """Each way once, and what they took in build/plan/small.json."""
    shutil.rmtree(HOUSE, ignore_errors=True)
    copy_repository(HOUSE)
    out = HOUSE.with_suffix(".json").resolve()
    os.chdir(HOUSE)
    recipe({DATASET: 1})
    catalogue()
    folder = Path("results/tokens") / load_recipe("plan")[1].tokens_name / DATASET / "train"
    some = [str(folder / f"{shard.name}.json") for shard in read_pins(DATASET)[:SUBSET]]
    results = [
        measured("bundles", SHARDS, "--until", "tokenize_bundle"),
        measured("a job for each shard", SUBSET, *some),
        measured("a job for each, groups of 25", SUBSET, *some, *GROUPS),
    ]
    out.write_text(json.dumps(results, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
