"""Pin datasets: list their raw shards with size, rows and SHA-256 in config/datasets/{dataset}.tsv."""

from collections.abc import Sequence
from typing import Annotated

from nano3.config.checks import unpinned
from nano3.config.load import load_recipe
from nano3.core.cli import Argument, UsageError, run
from nano3.raw.pin import pin_datasets


def main(
    datasets: Annotated[Sequence[str], Argument("names of files in config/datasets", "DATASET", positional=True)] = (),
    recipe: Annotated[str | None, Argument("those of a recipe that are not pinned yet, too")] = None,
    rows: Annotated[bool, Argument("count the rows of shards that are not on this machine, too")] = False,
) -> None:
    """Pin and say what changed, dataset by dataset."""
    if not (datasets or recipe):
        raise UsageError("name datasets, or a --recipe")
    for name in [*datasets, *(unpinned(load_recipe(recipe)[1]) if recipe else [])]:
        print("\n".join(pin_datasets([name], rows=rows)), flush=True)


if __name__ == "__main__":
    run(main, __doc__)
