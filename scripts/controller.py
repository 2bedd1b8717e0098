"""What `nano3 submit` submits: Snakemake, and an orderly end for its jobs."""

from nano3.core.cli import run, words_after_dashes
from nano3.cluster.controller import Controller

if __name__ == "__main__":
    run(Controller(words_after_dashes()).run)
