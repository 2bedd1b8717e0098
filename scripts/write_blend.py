"""Rule write_blend: the token pairs of a phase and their proportions, as Megatron reads them."""

from nano3.blend import write_blend
from nano3.door import run

if __name__ == "__main__":
    run(write_blend)
