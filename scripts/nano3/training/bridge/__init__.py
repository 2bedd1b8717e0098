"""How does a segment train on GPUs? Megatron-Bridge's pretrain(), told every setting."""
