"""Rule write_blend: the token pairs of a phase and their proportions, as Megatron reads them."""

from nano3.core.cli import run
from nano3.sampling.blend import write_blend

if __name__ == "__main__":
    run(write_blend)
