"""Nouns of the Nemotron 3 Nano pretraining graph: what the verbs in scripts/ work with."""


class Nano3Error(Exception):
    """Something the user can mend. The message names the file, the key or row, and the remedy."""
