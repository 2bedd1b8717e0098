"""Pin tokenizers of config/tokenizers: list their files with size and SHA-256 in config/tokenizers/{tokenizer}.tsv."""

import argparse
import sys

from nano3 import Nano3Error
from nano3.raw.pin import pin_tokenizer

if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tokenizers", nargs="+", metavar="TOKENIZER", help="names of files in config/tokenizers")
    try:
        for name in parser.parse_args().tokenizers:
            print("\n".join(pin_tokenizer(name)))
    except Nano3Error as error:
        sys.exit(f"pin_tokenizer: {error}")
