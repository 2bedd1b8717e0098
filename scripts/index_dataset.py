"""Rule index_dataset: a dataset's shards become one index, their held-out documents a validation and a test pair."""

from nano3.door import run
from nano3.index import index_dataset

if __name__ == "__main__":
    run(index_dataset)
