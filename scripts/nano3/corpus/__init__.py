"""What do all shards of a dataset amount to, and which of them are stale?"""
