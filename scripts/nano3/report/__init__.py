"""What happened? The passport of a training, and how two trainings differ."""
