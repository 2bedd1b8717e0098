"""What decides each artifact, and which artifacts are stale? The rules and the plan ask the same functions."""
