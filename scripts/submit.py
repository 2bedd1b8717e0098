"""Snakemake as a Slurm job that outlives the session: python scripts/submit.py -- ARGUMENTS OF SNAKEMAKE."""

from nano3.cluster.controller import Controller
from nano3.core.cli import run, words_after_dashes

if __name__ == "__main__":
    run(Controller(words_after_dashes()).submit)
