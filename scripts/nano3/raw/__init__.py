"""Which raw shards and tokenizers exist, and what do they hold? Pins and downloads."""
