"""Rule export_hf: a checkpoint becomes a model that Hugging Face transformers reads."""

from nano3.core.cli import run
from nano3.conversion.export import export_hf

if __name__ == "__main__":
    run(export_hf)
