"""Rule train_segment: a stretch of a phase becomes a checkpoint with its receipt and metrics."""

if __name__ == "__main__":
    # Imported here, for saving a checkpoint spawns a process that imports this file again.
    from nano3.door import run
    from nano3.training.cpu import train_segment

    run(train_segment)
