"""What scripts/submit.py submits: Snakemake, and an orderly end for its jobs."""

from nano3.cluster.controller import Head
from nano3.core.cli import run
from nano3.core.words import words_after_dashes

if __name__ == "__main__":
    run(Head(words_after_dashes()).run)
