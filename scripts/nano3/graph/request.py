"""What is asked for? A recipe, with the shards that its datasets are pinned to and the paths of its artifacts."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from nano3.artifact.paths import Folders
from nano3.config.load import RECIPES
from nano3.config.recipe import Recipe
from nano3.graph import keys
from nano3.raw.datasets import Dataset, Shard, read_dataset, read_pins, sampled
from nano3.training.spec import scheduled_segments

Place = tuple[str, str]
PinnedShards = Mapping[str, tuple[Shard, int | None]]


class Pins(Mapping[str, PinnedShards]):
    """
    The pinned shards of each dataset by name, with the rows to take of each (None: all).

    Read when a dataset is asked for: a job of a cluster needs its own dataset's, not 100,000 lines of the others'.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe = recipe
        self._datasets: dict[str, PinnedShards] = {}

    def __getitem__(self, dataset: str) -> PinnedShards:
        """Raises ConfigError for a dataset that is not pinned, or a sample of shards whose rows are not counted."""
        if dataset not in self._datasets:
            if dataset not in self._recipe.datasets:
                raise KeyError(dataset)
            # Shards stay as long as the process does: a collector that looks through them again and again takes 0.4 of
            # the 1.9 processor seconds of a plan of 20,000.
            gc.disable()
            try:
                taken = sampled(read_pins(dataset), self._recipe.sample, dataset)
                self._datasets[dataset] = {shard.name: (shard, rows) for shard, rows in taken}
            finally:
                gc.freeze()
                gc.enable()
        return self._datasets[dataset]

    def __iter__(self) -> Iterator[str]:
        return iter(self._recipe.datasets)

    def __len__(self) -> int:
        return len(self._recipe.datasets)


@dataclass(frozen=True)
class Request:
    """What is asked for. name: that its artifacts go by. shards: of each dataset by name, with the rows to take."""

    name: str
    recipe: Recipe
    datasets: Mapping[str, Dataset]
    shards: Mapping[str, PinnedShards]
    _shared: dict[str, keys.Key] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, name: str, recipe: Recipe) -> "Request":
        """A recipe with its catalogue. Raises ConfigError for a dataset that is not described."""
        return cls(name, recipe, {dataset: read_dataset(dataset) for dataset in recipe.datasets}, Pins(recipe))

    @cached_property
    def paths(self) -> Folders:
        """Where its artifacts lie."""
        return Folders.of(self.name, self.recipe.tokens_name)

    @cached_property
    def places(self) -> list[Place]:
        """Phase and segment of all that is trained, in that order."""
        return [(scheduled.phase, scheduled.segment) for scheduled in scheduled_segments(self.recipe)]

    def shared_key(self, dataset: str) -> keys.Key:
        """What decides the tokens of all shards of a dataset alike."""
        if dataset not in self._shared:
            self._shared[dataset] = keys.shared_key(self.recipe, self.datasets[dataset])
        return self._shared[dataset]

    def shard_key(self, dataset: str, shard: str) -> keys.Key:
        """All that decides the tokens of a shard."""
        return keys.whole_key(self.shared_key(dataset), *self.shards[dataset][shard])

    def index_key(self, dataset: str) -> keys.Key:
        """All that decides a dataset index, given its shards' tokens."""
        return keys.index_key(self.recipe, self.shards[dataset].values())

    def tokens(self, dataset: str) -> Path:
        """Where a dataset's tokens lie."""
        return Path(self.paths.dataset(dataset))

    def segment(self, phase: str, segment: str) -> Path:
        """Where a segment's receipt lies."""
        return Path(self.paths.segment(phase, segment))

    @property
    def base(self) -> str:
        """The recipe that it is, with overrides or without."""
        return self.name if (RECIPES / f"{self.name}.yaml").exists() else self.name.partition("+")[0]

    def is_frozen(self, phase: str, thawed: Sequence[str] = ()) -> bool:
        """
        Whether a phase may not be trained again. One of a recipe with overrides is its own: it may be trained once.

        thawed: phases that may be trained all the same.
        """
        if not self.recipe.phases[phase].frozen or phase in thawed:
            return False
        own = (self.segment(*place) for place in self.places if place[0] == phase)
        return self.name == self.base or any(receipt.exists() for receipt in own)

    def phases_up_to(self, phase: str) -> list[str]:
        """A phase and those before it."""
        phases = list(self.recipe.phases)
        return phases[: phases.index(phase) + 1]
