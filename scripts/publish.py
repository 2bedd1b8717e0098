"""Send what a recipe has made to Weights & Biases: artifacts by reference, and the curves. Nothing is sent twice."""

import argparse
import os
import sys
from pathlib import Path

from nano3 import Nano3Error
from nano3.config.load import load_recipe, read_settings
from nano3.core.schema import read_yaml
from nano3.provenance.wandb_sync import Target, left_out, publications, publish


def main() -> None:
    """Send what was not sent yet, and say what it was and what is left out."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--recipe", help="name of a recipe in config/recipes")
    parser.add_argument("--set", metavar="'KEY=VALUE ...'", help="overrides, which give the recipe another name")
    parser.add_argument("--sample", type=int, metavar="N", help="rows to take of each dataset")
    parser.add_argument(
        "--mode", choices=("online", "offline", "disabled"), help="instead of WANDB_MODE or the config's"
    )
    asked = parser.parse_args()
    given = {name: value for name in ("recipe", "set", "sample") if (value := getattr(asked, name)) is not None}
    settings = read_settings(read_yaml(Path("config/config.yaml")) | given)
    target = Target(
        asked.mode or os.environ.get("WANDB_MODE", settings.wandb_mode),
        os.environ.get("WANDB_PROJECT", settings.wandb_project),
        os.environ.get("WANDB_ENTITY", settings.wandb_entity) or None,
    )
    name, recipe = load_recipe(settings.recipe, settings.set, settings.sample)
    sent = publish(name, publications(name, recipe), target)
    rest = [] if target.mode == "disabled" else left_out(name, recipe)
    print("\n".join([f"{target.name}: {len(sent)} sent", *sent, *rest]))


if __name__ == "__main__":
    try:
        main()
    except Nano3Error as error:
        sys.exit(f"publish: {error}")
