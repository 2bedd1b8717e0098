"""How does a Megatron checkpoint become a Hugging Face model, and what must the next stage know of it?"""
