"""Rule tokenize_pack: the stale shards of a pack become what tokenize_shard makes of each."""

from nano3.arrow import do_without_pandas
from nano3.bulk import tokenize_pack
from nano3.door import run

if __name__ == "__main__":
    do_without_pandas()
    run(tokenize_pack)
