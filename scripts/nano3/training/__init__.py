"""How does a segment train? One door, and behind it a trainer for CPUs and one for GPUs."""
