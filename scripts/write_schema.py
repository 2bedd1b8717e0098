"""Write the schemas in config/ from which editors complete and check recipes, datasets and tokenizers."""

from pathlib import Path

from nano3.artifact.files import write_json
from nano3.config.recipe import Recipe
from nano3.raw.datasets import Dataset
from nano3.raw.tokenizers import HubTokenizer

CONFIG = Path("config")

if __name__ == "__main__":
    for name, model in (("recipe", Recipe), ("dataset", Dataset), ("tokenizer", HubTokenizer)):
        write_json(CONFIG / f"{name}.schema.json", model.model_json_schema())
