"""What happened? The passport of a training, and the last lines of a run."""
