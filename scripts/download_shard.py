"""Rule download_shard: a raw shard of the Hub or a URL becomes a file, with the bytes that were pinned."""

from nano3.door import run
from nano3.download import download_shard

if __name__ == "__main__":
    run(download_shard)
