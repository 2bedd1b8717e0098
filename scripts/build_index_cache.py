"""Rule build_index_cache: in which order training will read a phase's datasets."""

from nano3.core.cli import run
from nano3.sampling.index_cache import build_index_cache

if __name__ == "__main__":
    run(build_index_cache)
