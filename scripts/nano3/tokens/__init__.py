"""How does a raw shard become a Megatron token pair?"""
