"""`python -m nano3`: the command nano3 of the package that Python finds first."""

from nano3.commands.main import main

if __name__ == "__main__":
    main()
