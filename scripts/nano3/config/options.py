"""Which recipe does a command line mean? The options that name one, declared once for all tools."""

from pathlib import Path
from typing import Annotated, Any

from nano3.config.load import Settings, read_settings
from nano3.core.cli import Argument
from nano3.core.schema import read_yaml

CONFIG = Path("config/config.yaml")
RECIPE_HELP = "name of a recipe in config/recipes"
PAIRS = "'KEY=VALUE ...'"

RecipeName = Annotated[str, Argument(RECIPE_HELP, "RECIPE", positional=True)]
RecipeOption = Annotated[str | None, Argument(RECIPE_HELP)]
SetOption = Annotated[str | None, Argument("overrides, which give the recipe another name", PAIRS, name="set")]
SampleOption = Annotated[int | None, Argument("rows to take of each dataset", "N")]


def given(recipe: str | None, overrides: str | None, sample: int | None) -> dict[str, Any]:
    """What a command line says instead of config/config.yaml, as `snakemake --config` would."""
    values = {"recipe": recipe, "set": overrides, "sample": sample}
    return {name: value for name, value in values.items() if value is not None}


def settings_with(options: dict[str, Any]) -> Settings:
    """The settings of config/config.yaml with what a command line says instead."""
    return read_settings(read_yaml(CONFIG) | options)
