"""How does a segment train? One door, and behind it one trainer for CPUs and one for GPUs."""
