"""Rule train_segment: a stretch of a phase becomes a checkpoint with its receipt and metrics."""

from nano3.core.cli import run
from nano3.training.segment import train_segment

if __name__ == "__main__":
    run(train_segment)
