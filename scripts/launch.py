"""What a rule's command goes through that runs on several ranks or nodes, or in a container: options, --, command."""

from nano3.core.cli import run, words_after_dashes
from nano3.cluster.launch import Command

if __name__ == "__main__":
    run(Command(words_after_dashes()).launch)
