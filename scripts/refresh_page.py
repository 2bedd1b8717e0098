"""Run the commands that a page of docs/ names, and put what they print into it: --page docs/recipes.md."""

from nano3.core.cli import run
from nano3.preview.pages import refresh_page

if __name__ == "__main__":
    run(refresh_page)
