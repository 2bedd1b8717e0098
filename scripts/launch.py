"""What a rule's command goes through that runs on several ranks or nodes, or in a container: options, --, command."""

from nano3.door import run
from nano3.launch import Command
from nano3.words import words_after_dashes

if __name__ == "__main__":
    run(Command(words_after_dashes()).launch)
