"""Rule index_dataset: a dataset's shards become one index, their held-out documents a validation and a test pair."""

from nano3.core.cli import run
from nano3.corpus.index_dataset import index_dataset

if __name__ == "__main__":
    run(index_dataset)
