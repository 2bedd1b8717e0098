"""Rule tokenize_pack: the stale shards of a pack become what tokenize_shard makes of each."""

from nano3.bulk import tokenize_pack
from nano3.door import run

if __name__ == "__main__":
    run(tokenize_pack)
