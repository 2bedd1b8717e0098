"""What follows -- on a command line: the words of another command."""

import sys


def words_after_dashes() -> list[str]:
    """Take them off sys.argv, -- included, and return them."""
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    words = sys.argv[end + 1 :]
    del sys.argv[end:]
    return words
