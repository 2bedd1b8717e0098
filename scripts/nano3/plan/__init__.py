"""The plan: what would run, why, and what it would cost. Receipts answer; nothing is run."""
