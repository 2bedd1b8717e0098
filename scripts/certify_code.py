"""Certify that today's tokenizing code makes the same bytes as earlier code, so that its shards stay fresh."""

from nano3.core.cli import run
from nano3.corpus.certify import certify_code

if __name__ == "__main__":
    run(certify_code)
