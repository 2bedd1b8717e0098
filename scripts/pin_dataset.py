"""Pin datasets: list their raw shards with size, rows and SHA-256 in config/datasets/{dataset}.tsv."""

import argparse
import sys

from nano3 import Nano3Error
from nano3.config.load import load_recipe, unpinned
from nano3.raw.pin import pin_datasets

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="*", metavar="DATASET", help="names of files in config/datasets")
    parser.add_argument("--recipe", help="those of a recipe that are not pinned yet, too")
    parser.add_argument(
        "--rows", action="store_true", help="count the rows of shards that are not on this machine, too"
    )
    asked = parser.parse_args()
    if not (asked.datasets or asked.recipe):
        parser.error("name datasets, or a --recipe")
    try:
        names = [*asked.datasets, *(unpinned(load_recipe(asked.recipe)[1]) if asked.recipe else [])]
        for name in names:
            print("\n".join(pin_datasets([name], rows=asked.rows)), flush=True)
    except Nano3Error as error:
        sys.exit(f"pin_dataset: {error}")
