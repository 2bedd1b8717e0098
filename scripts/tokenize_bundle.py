"""Rule tokenize_bundle: the stale shards of a bundle become what tokenize_shard makes of each."""

from nano3.core.cli import run
from nano3.corpus.tokenize_bundle import tokenize_bundle

if __name__ == "__main__":
    run(tokenize_bundle)
