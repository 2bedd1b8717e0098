"""What is an artifact, and how was it made? Digests, receipts, the paths of results/, files that appear whole."""
