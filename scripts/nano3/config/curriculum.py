"""What is a curriculum made of? Segments of training, categories of datasets, and limits on their repetition."""

from typing import Annotated, Literal

from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt, model_validator

from nano3.core.schema import Closed

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]


class Segment(Closed):
    """A part of a phase that ends in its own checkpoint."""

    tokens: PositiveInt = Field(description="Tokens to train on.")
    global_batch_size: PositiveInt | None = Field(None, description="Sequences per step, if not the recipe's.")
    sequence_length: PositiveInt | None = Field(None, description="Tokens per sequence, if not the recipe's.")


class Chain(Closed):
    """Segments that alternate: long_1 and short_1 in the first round, long_2 and short_2 in the next, and so on."""

    rounds: PositiveInt = Field(description="Rounds of the segments; more rounds only add segments.")
    segments: dict[Name, Segment] = Field(min_length=1, description="One round, in the order of training.")

    @property
    def expanded(self) -> dict[str, Segment]:
        """All segments of all rounds by name, which ends in the round's number."""
        return {
            f"{name}_{number}": segment
            for number in range(1, self.rounds + 1)
            for name, segment in self.segments.items()
        }


class Category(Closed):
    """Datasets that divide one share among them."""

    datasets: list[str] = Field(min_length=1, description="Names of files in config/datasets.")
    factors: list[NonNegativeFloat] | None = Field(
        None, description="Parts of the share in the order of datasets, any scale; by default their tokens."
    )

    @model_validator(mode="after")
    def _one_factor_each(self) -> "Category":
        if self.factors is not None and (len(self.factors) != len(self.datasets) or not any(self.factors)):
            raise ValueError(
                f"factors: {len(self.factors)} for {len(self.datasets)} datasets: give each one, and one above 0"
            )
        return self


class Repetition(Closed):
    """How often the tokens of a dataset may be consumed, over all phases."""

    max_epochs: PositiveFloat = Field(description="Most epochs of any dataset.")
    max_epochs_of: dict[str, PositiveFloat] = Field({}, description="Most epochs of single datasets, by name.")
    over_cap: Literal["redistribute", "refuse", "allow"] = Field(
        description="What becomes of a share that needs more. redistribute: the excess goes to datasets of its "
        "category with tokens left, then to all such datasets, in proportion to their shares. refuse: an error. "
        "allow: the share stays."
    )

    def most(self, dataset: str) -> float:
        """Most epochs of a dataset."""
        return self.max_epochs_of.get(dataset, self.max_epochs)
