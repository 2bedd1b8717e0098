"""Rule tokenize_shard: one raw shard becomes a Megatron pair, its held-out documents and a receipt."""

from nano3.core.cli import run
from nano3.corpus.twins import tokenize_shard

if __name__ == "__main__":
    run(tokenize_shard)
