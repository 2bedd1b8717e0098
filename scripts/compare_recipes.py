"""Show two recipes side by side: their headline numbers, every key that differs, and both learning-rate curves."""

from nano3.preview.command import show
from nano3.preview.sides import as_text, sides

if __name__ == "__main__":
    show(str(__doc__), 2, sides, as_text, "sides_picture")
