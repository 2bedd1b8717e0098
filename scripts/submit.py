"""Snakemake as a Slurm job that outlives the session: python scripts/submit.py -- ARGUMENTS OF SNAKEMAKE."""

from nano3.cluster.controller import Head
from nano3.core.cli import run
from nano3.core.words import words_after_dashes

if __name__ == "__main__":
    run(Head(words_after_dashes()).submit)
