"""
The floor under any tokenizer: decode a shard's texts and write as many bytes as its tokens take, without encoding.

usage: floor.py SHARD BYTES OUTPUT
"""

import io
import sys
from collections.abc import Iterator
from pathlib import Path

WRITTEN_AT_ONCE = 2**20


def decode(shard: Path) -> Iterator[object]:
    """Every text of a shard, in batches for parquet."""
    if shard.suffix == ".parquet":
        import pyarrow.parquet as pq

        for batch in pq.ParquetFile(shard).iter_batches(columns=["text"], batch_size=1024):
            yield batch.column("text")
        return
    import msgspec

    decoder = msgspec.json.Decoder(dict[str, str])
    with shard.open("rb") as file:
        lines: io.BufferedIOBase = file
        if shard.suffix == ".zst":
            import zstandard

            lines = io.BufferedReader(zstandard.ZstdDecompressor().stream_reader(file), WRITTEN_AT_ONCE)
        for line in lines:
            yield decoder.decode(line)


def take(shard: Path, size: int, output: Path) -> None:
    """Decode a shard, then write so many bytes."""
    for _ in decode(shard):
        pass
    block = bytes(WRITTEN_AT_ONCE)
    with output.open("wb") as out:
        while size > 0:
            size -= out.write(block[:size])


if __name__ == "__main__":
    take(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
