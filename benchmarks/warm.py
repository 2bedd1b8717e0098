"""
What does a shard take in a process that has tokenized another one before, as a bundle does it?

    out   a line of JSON per shard: seconds of wall time, and processor_seconds of this process and the reference's

`--what` is tokenize; encode, which is gigatoken alone on text that is in memory already; or decode, which decodes each
shard and writes as many bytes as its tokens take, which must be there already.
"""

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

import floor
from nano3.core.cli import run
from nano3.artifact.digest import digest_file
from nano3.artifact.steps import ShardKey, ShardSettings
from nano3.formats.readers import TextSource, read_text
from nano3.tokens.tokenize_shard import CheckedEncoder, tokenize


def warm(
    raws: list[Path], tokenizer: Path, key: ShardSettings, out: Path, threads: int, checked_documents: int, what: str
) -> None:
    """
    Take shards one after the other.

    key: of a shard, but for its digest and rows. out: folder of their tokens.
    """
    keys: dict[Path, ShardKey] = {raw: {**key, "sha256": digest_file(raw), "rows": None} for raw in raws}
    if what == "decode":
        for raw in raws:
            with timed():
                floor.take(raw, (out / raw.name / "train.bin").stat().st_size, out / "floor.bin")
        return
    with CheckedEncoder.load(tokenizer, key["tokenizer"], "gigatoken", threads) as checked:
        for raw in raws:
            if what == "encode":
                texts = list(read_text(raw, TextSource.of(key), None, []))
                with timed():
                    for batch in texts:
                        checked.encoder.encode(batch)
                continue
            place = out / raw.name
            with timed():
                files = place / "train", place / "holdout", place / "receipt.json"
                tokenize(checked, raw, tokenizer, keys[raw], *files, checked_documents, origin="")


@contextmanager
def timed() -> Iterator[None]:
    """Print what the block took."""
    wall, processors = time.perf_counter(), processor_seconds()
    yield
    taken = {"seconds": time.perf_counter() - wall, "processor_seconds": processor_seconds() - processors}
    print(json.dumps(taken), flush=True)


def processor_seconds() -> float:
    """User and system time so far of this process and its children."""
    here = psutil.Process()
    spent = [each.cpu_times() for each in [here, *here.children()]]
    return float(sum(each.user + each.system for each in spent))


if __name__ == "__main__":
    run(warm)
