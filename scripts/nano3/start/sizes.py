"""
Which sizes of a recipe follow from the data? How long it trains, and how many documents are held out.

A recipe that is made for more data than there is would read them again and again; one whose fraction of held-out
documents suits a corpus may hold out none of a few.
"""

from collections.abc import Mapping
from typing import NamedTuple

from nano3.config.recipe import Holdout, Recipe
from nano3.core.formatting import many
from nano3.start.folder import StartError
from nano3.training.fitting import fit_to_data

HELD_OUT = 10  # documents of each held-out set that are expected at least
LARGEST_FRACTION = 0.2


class FittingSteps(NamedTuple):
    """How long a recipe trains. number: of steps on the curve. remark: what they read of the data."""

    number: int
    remark: str


def with_mixture(extended: Recipe, shares: Mapping[str, float], holdout: Holdout) -> Recipe:
    """A recipe on other data. shares: of each dataset, in every phase. holdout: of their documents."""
    phase = {"mixture": dict(shares), "without_data": {}, "max_epochs": None}
    phases = {name: each.model_copy(update=phase) for name, each in extended.phases.items()}
    return extended.model_copy(update={"phases": phases, "categories": {}, "repetition": None, "holdout": holdout})


def fitting_holdout(extended: Recipe, documents: int) -> Holdout:
    """The recipe's fractions of held-out documents, or larger ones that leave some of few documents in each set."""
    least = min(LARGEST_FRACTION, HELD_OUT / max(1, documents))
    return Holdout(valid=round(max(extended.holdout.valid, least), 3), test=round(max(extended.holdout.test, least), 3))


def fitting_steps(recipe: Recipe, tokens: Mapping[str, int], epochs: float | None) -> FittingSteps:
    """
    The recipe's own steps, or fewer if they would read the data twice; as many passes as were asked for, if any were.

    tokens: of each dataset, held-out documents included. epochs: passes.
    Raises StartError for a dataset that is shorter than one sample.
    """
    kept = {name: round(each * (1 - recipe.holdout.valid - recipe.holdout.test)) for name, each in tokens.items()}
    sample = max(length for *_, length in recipe.segments()) + 1
    if short := [name for name, each in kept.items() if each < sample]:
        raise StartError(
            f"dataset {short[0]} has about {many(kept[short[0]], 'token')} for training, and its longest sample takes "
            f"{sample:,}: add data to it, or leave it out"
        )
    once = fit_to_data(recipe, kept)
    own = recipe.curve_tokens // (recipe.train.global_batch_size * recipe.train.sequence_length)
    wished = fit_to_data(recipe, kept, epochs) if epochs else once
    number = wished.train_iters if epochs else min(own, once.train_iters)
    if wished.least:
        most = max(wished.epochs.values())
        return FittingSteps(number, f"the fewest that leave each segment a step, which read the data {most:,.1f} times")
    if number == once.train_iters:
        return FittingSteps(number, "which read the data once")
    share = number / once.train_iters
    read = f"{share:.0%} of the data" if share <= 1 else f"the data {share:,.1f} times"
    return FittingSteps(number, f"which read {read}; {once.train_iters:,} steps would read it once")
