"""Show a recipe's schedule: segments in whole steps, and learning rate, batch and sequence length over tokens."""

from nano3.preview.command import show
from nano3.preview.schedule import as_text, schedule

if __name__ == "__main__":
    show(str(__doc__), 1, schedule, as_text, "schedule_picture")
