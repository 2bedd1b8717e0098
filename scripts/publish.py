"""Send what a recipe has made to Weights & Biases: artifacts by reference, and the curves. Nothing is sent twice."""

import os
from typing import Annotated, Literal

from nano3.config.load import load_recipe
from nano3.config.options import RecipeOption, SampleOption, SetOption, given, settings_with
from nano3.core.cli import Argument, run
from nano3.provenance.wandb_sync import Target, left_out, publications, publish

Mode = Literal["online", "offline", "disabled"]


def main(
    recipe: RecipeOption = None,
    overrides: SetOption = None,
    sample: SampleOption = None,
    mode: Annotated[Mode | None, Argument("instead of WANDB_MODE or the config's")] = None,
) -> None:
    """Send what was not sent yet, and say what it was and what is left out."""
    settings = settings_with(given(recipe, overrides, sample))
    target = Target(
        mode or os.environ.get("WANDB_MODE", settings.wandb_mode),
        os.environ.get("WANDB_PROJECT", settings.wandb_project),
        os.environ.get("WANDB_ENTITY", settings.wandb_entity) or None,
    )
    name, loaded = load_recipe(settings.recipe, settings.set, settings.sample)
    sent = publish(name, publications(name, loaded), target)
    rest = [] if target.mode == "disabled" else left_out(name, loaded)
    print("\n".join([f"{target.name}: {len(sent)} sent", *sent, *rest]))


if __name__ == "__main__":
    run(main, __doc__)
