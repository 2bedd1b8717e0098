"""Which raw shards and tokenizers are there, and what do they hold? Pins, downloads, readers."""
