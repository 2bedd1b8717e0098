"""Rule download_shard: a raw shard of the Hub or a URL becomes a file, with the bytes that were pinned."""

from nano3.core.cli import run
from nano3.raw.download import download_shard

if __name__ == "__main__":
    run(download_shard)
