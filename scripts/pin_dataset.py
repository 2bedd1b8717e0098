"""Pin datasets: list their raw shards with size, rows and SHA-256 in config/datasets/{dataset}.tsv."""

import argparse
import sys

from nano3 import Nano3Error
from nano3.pin import pin_datasets

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("datasets", nargs="+", metavar="DATASET", help="names of files in config/datasets")
    try:
        print("\n".join(pin_datasets(parser.parse_args().datasets)))
    except Nano3Error as error:
        sys.exit(f"pin_dataset: {error}")
