"""How does a segment train without a GPU? Megatron-Core on gloo, data parallel."""
