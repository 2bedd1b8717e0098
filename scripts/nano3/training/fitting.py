"""
How many steps does a recipe train if it reads its data once, or a few times?

All token counts of a recipe are in proportion, so one number fits it to any amount of data: train.train_iters. It is
worked out once and written into the recipe. A number that followed the data by itself would train everything again
whenever a shard arrives.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from nano3.config.load import scaled
from nano3.config.mixture import resolved
from nano3.config.recipe import Recipe
from nano3.training.spec import scheduled_segments


@dataclass(frozen=True)
class Fit:
    """
    train_iters: for the recipe. epochs: that the whole training then reads of each dataset. least: whether it is the
    fewest steps that leave every segment a step, although they read a dataset more often than was asked for.
    """

    train_iters: int
    epochs: Mapping[str, float]
    least: bool

    @property
    def scarcest(self) -> str:
        """The dataset that is read most often."""
        return max(self.epochs, key=lambda dataset: self.epochs[dataset])


def fit_to_data(recipe: Recipe, tokens: Mapping[str, int], epochs: float = 1) -> Fit:
    """
    The most steps of a recipe that read no dataset more than `epochs` times, over all its phases.

    tokens: that each dataset has, or an estimate. A dataset is read by the shares that the recipe asks for: caps on
    epochs, which cut them, don't count. Every segment keeps at least a step's tokens, even if that reads a dataset more
    often. Raises MixtureError for a dataset with a share and no tokens.
    """
    curve_step = recipe.train.global_batch_size * recipe.train.sequence_length
    curve_steps = Fraction(recipe.curve_tokens, curve_step)
    least = math.ceil(
        curve_steps
        * max(Fraction(batch * length, segment.tokens) for _, _, segment, batch, length in recipe.segments())
    )
    shares = {phase: _shares(recipe, phase, tokens) for phase in recipe.phases}
    read = _epochs(recipe, shares, tokens)
    steps = max(least, math.floor(Fraction(str(epochs)) * curve_steps / max(read.values())))
    while (fitted := _epochs(_with(recipe, steps), shares, tokens)) and max(fitted.values()) > epochs and steps > least:
        steps -= 1  # segments end with whole steps, which may read a little more than in proportion
    floats = {dataset: float(each) for dataset, each in fitted.items()}
    return Fit(steps, floats, max(fitted.values()) > epochs)


def _with(recipe: Recipe, train_iters: int) -> Recipe:
    return scaled(recipe.model_copy(update={"train": recipe.train.model_copy(update={"train_iters": train_iters})}))


def _shares(recipe: Recipe, phase: str, tokens: Mapping[str, int]) -> dict[str, Fraction]:
    categories = {name: category.model_dump() for name, category in recipe.categories.items()}
    parts = resolved({"mixture": recipe.phases[phase].mixture, "categories": categories}, tokens)
    return {part.dataset: part.share for part in parts if part.share}


def _epochs(
    recipe: Recipe, shares: Mapping[str, Mapping[str, Fraction]], tokens: Mapping[str, int]
) -> dict[str, Fraction]:
    """How often each dataset is read. shares: of each phase's samples."""
    read: dict[str, Fraction] = {}
    for scheduled in scheduled_segments(recipe):
        for dataset, share in shares[scheduled.phase].items():
            read[dataset] = read.get(dataset, Fraction()) + share * scheduled.tokens / tokens[dataset]
    return read
