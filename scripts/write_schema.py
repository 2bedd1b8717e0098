"""Write the schemas in config/ from which editors complete and check recipes and datasets."""

from pathlib import Path

from nano3.catalog import Dataset
from nano3.receipt import write_json
from nano3.recipe import Recipe

CONFIG = Path("config")

if __name__ == "__main__":
    for model in (Recipe, Dataset):
        write_json(CONFIG / f"{model.__name__.lower()}.schema.json", model.model_json_schema())
