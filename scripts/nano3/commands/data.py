"""Which data is there? pin lists it."""

import click

from nano3.commands.options import PINNED, RECIPE


@click.command()
@click.argument("names", metavar="[NAME]…", nargs=-1, type=PINNED)
@click.option("--recipe", type=RECIPE, metavar="RECIPE", help="All that a recipe needs and that is not pinned yet.")
@click.option("--rows", is_flag=True, help="Count the rows of shards that are not on this machine, too.")
def pin(names: tuple[str, ...], recipe: str | None, rows: bool) -> None:
    """
    Pin datasets and tokenizers: list files, sizes, SHA-256.

    NAME: of a file in config/datasets or config/tokenizers. The pins, a .tsv beside it, are reviewed and committed
    like code.
    """
    from nano3.config.load import load_recipe, unpinned, unpinned_tokenizer
    from nano3.raw.pin import pin_datasets, pin_tokenizer
    from nano3.raw.tokenizers import is_tokenizer

    if not (names or recipe):
        raise click.UsageError("name datasets or tokenizers, or a --recipe")
    missing = list[str]()
    if recipe:
        loaded = load_recipe(recipe)[1]
        missing = [*unpinned_tokenizer(loaded), *unpinned(loaded)]
    for name in [*names, *missing]:
        print("\n".join(pin_tokenizer(name) if is_tokenizer(name) else pin_datasets([name], rows=rows)), flush=True)
