"""
How much memory does tokenize_shard take at most, whatever the shard?

Every case is a shard of resources/tiny's texts, repeated with other numbers in them, made in build/bench and
tokenized by a process of its own. Prints a table; status 1 if one held more than LIMIT bytes,
together with the process that checks its ids.

    python benchmarks/memory.py [--tokenizer tokenizer.json] [case ...]
"""

import argparse
import json
import multiprocessing
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from itertools import count, islice
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard

from nano3.artifact.digest import digest_file
from nano3.config.load import load_recipe
from nano3.formats.readers import read_text
from nano3.raw.datasets import read_dataset, read_pins
from process import measure

FOLDER = Path("build/bench")
TINY = Path("resources/tiny/tokenizer/tokenizer.json")
LIMIT = 1_500_000_000
MB, GB = 10**6, 10**9


def documents(size: int) -> Iterator[str]:
    """Texts of some kB, about size bytes of UTF-8 in all: other numbers in each repetition of a text."""
    originals: list[str] = []
    for name in ("tiny-english", "tiny-code", "tiny-math", "tiny-spanish"):
        text_source = read_dataset(name).text_source
        for shard in read_pins(name):
            for batch in read_text(Path(shard.path), text_source, shard.rows, []):
                originals += filter(None, batch.to_pylist())
    for number in count():
        if size <= 0:
            return
        text = originals[number % len(originals)].replace("\n", f" {number * 7919 % 1_000_003}\n")
        text += originals[-number % len(originals)]
        size -= len(text.encode())
        yield text


def large_documents(size: int) -> Iterator[str]:
    """Texts of 10 to 50 MB, about size bytes in all."""
    for number in count():
        if size <= 0:
            return
        each = (10 + 17 * number % 41) * MB
        yield "\n".join(documents(each))
        size -= each


def plain(size: int) -> Iterator[str]:
    """One document of ASCII."""
    yield "\n".join(documents(size)).encode("ascii", "ignore").decode()


def with_one_emoji(size: int) -> Iterator[str]:
    """The same with one character for whose sake a Python str takes four bytes for each."""
    yield next(plain(size)) + "\N{GRINNING FACE}"


def with_many_escapes(size: int) -> Iterator[str]:
    """One document that JSON writes with many escapes: accents, surrogate pairs, line breaks."""
    yield "\n".join(documents(size)).replace("e ", "é ").replace(". ", ".\N{GRINNING FACE} ")


def write_parquet(path: Path, texts: Iterator[str], codec: str, dictionary: bool) -> int:
    """All texts in one row group. Returns the rows."""
    chunks = []
    while some := list(islice(texts, 1000)):
        chunks.append(pa.array(some, pa.large_string()))
    table = pa.table({"text": pa.chunked_array(chunks)})
    pq.write_table(table, path, row_group_size=len(table), compression=codec, use_dictionary=dictionary)
    return len(table)


def write_lines(path: Path, texts: Iterator[str]) -> int:
    """JSON lines, ASCII only, as json.dumps writes them. Returns the rows."""
    rows = 0
    with zstandard.open(path, "wb") if path.suffix == ".zst" else path.open("wb") as file:
        for text in texts:
            file.write(json.dumps({"id": rows, "text": text}).encode() + b"\n")
            rows += 1
    return rows


Texts = Callable[[int], Iterator[str]]
Write = Callable[[Path, Iterator[str]], int]
ZSTD, SNAPPY = (partial(write_parquet, codec=codec, dictionary=False) for codec in ("zstd", "snappy"))
DICTIONARY = partial(write_parquet, codec="zstd", dictionary=True)
CASES: dict[str, tuple[str, Write, Texts, int]] = {
    "row-group-zstd": (".parquet", ZSTD, documents, 3 * GB),
    "row-group-snappy": (".parquet", SNAPPY, documents, 3 * GB),
    "row-group-dictionary": (".parquet", DICTIONARY, documents, 3 * GB),
    # Arrow writes these as one page, and reads a page whole: it lives beside its compressed form.
    "row-group-large-texts": (".parquet", ZSTD, large_documents, 500 * MB),
    "lines-zstd": (".jsonl.zst", write_lines, documents, 5 * GB),
    "document-lines": (".jsonl", write_lines, plain, 300 * MB),
    "document-lines-escapes": (".jsonl", write_lines, with_many_escapes, 300 * MB),
    "document-lines-emoji": (".jsonl", write_lines, with_one_emoji, 300 * MB),
    "document-parquet": (".parquet", ZSTD, plain, 300 * MB),
    "document-parquet-emoji": (".parquet", SNAPPY, with_one_emoji, 300 * MB),
}


def measured(name: str, tokenizer: Path, folder: Path) -> int:
    """Make a case's shard in a folder, tokenize it, print a line of the table. Returns the peak in bytes."""
    shard = folder / f"{name}{CASES[name][0]}"
    # In a process of its own: a child's peak counts what its parent held when it was started.
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        rows = pool.apply(make, (name, shard))
    settings = load_recipe("tiny")[1].token_settings()
    settings["tokenizer"]["sha256"] = digest_file(tokenizer)
    key = settings | {"sha256": digest_file(shard), "rows": rows, "text_column": "text", "code": "bench"}
    arguments = {
        "--raw": shard,
        "--tokenizer": tokenizer,
        "--key": json.dumps(key),
        "--train": folder / "train",
        "--holdout": folder / "holdout",
        "--receipt": folder / "receipt.json",
    }
    command = [sys.executable, "scripts/tokenize_shard.py", *(str(part) for pair in arguments.items() for part in pair)]
    cost, size = measure(command, len(os.sched_getaffinity(0)), folder / "log.txt", [shard]), CASES[name][3] / MB
    figures = f"{cost.seconds:8.1f} {size / cost.seconds:8.1f} {cost.peak_bytes / MB:8,.0f}"
    print(f"{name:24} {size:8,.0f} {figures}", flush=True)
    return cost.peak_bytes


def make(name: str, shard: Path) -> int:
    """Write a case's shard. Returns its rows."""
    _, write, texts, size = CASES[name]
    return write(shard, texts(size))


def main(cases: list[str], tokenizer: Path) -> None:
    """Measure cases, one after the other; what they need on disk goes again."""
    print(f"{'case':24} {'MB':>8} {'seconds':>8} {'MB/s':>8} {'peak MB':>8}")
    FOLDER.mkdir(parents=True, exist_ok=True)
    over = []
    for name in cases:
        with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
            if measured(name, tokenizer, Path(folder)) > LIMIT:
                over.append(name)
    if over:
        sys.exit(f"more than {LIMIT / MB:,.0f} MB: {', '.join(over)}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", metavar="case", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--tokenizer", type=Path, default=TINY)
    main(**vars(parser.parse_args()))
