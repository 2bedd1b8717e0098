"""Pin tokenizers of config/tokenizers: list their files with size and SHA-256 in config/tokenizers/{tokenizer}.tsv."""

from typing import Annotated

from nano3.core.cli import Argument, run
from nano3.raw.pin import pin_tokenizer


def main(
    tokenizers: Annotated[list[str], Argument("names of files in config/tokenizers", "TOKENIZER", positional=True)],
) -> None:
    """Pin and say what changed, tokenizer by tokenizer."""
    for name in tokenizers:
        print("\n".join(pin_tokenizer(name)))


if __name__ == "__main__":
    run(main, __doc__)
