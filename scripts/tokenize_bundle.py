"""Rule tokenize_bundle: the stale shards of a bundle become what tokenize_shard makes of each."""

from nano3.core.cli import run
from nano3.corpus.tokenize_bundle import tokenize_bundle
from nano3.tokens.arrow import do_without_pandas

if __name__ == "__main__":
    do_without_pandas()
    run(tokenize_bundle)
