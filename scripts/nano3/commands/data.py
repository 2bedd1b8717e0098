"""Which data is there? init makes a recipe of it, pin lists it."""

import sys
from collections.abc import Sequence
from typing import Any

import click

from nano3.commands.options import PINNED, RECIPE


@click.command()
@click.argument("recipe", metavar="RECIPE")
@click.argument("more", metavar="", nargs=-1)
@click.option("--data", multiple=True, metavar="[NAME=]FOLDER …", help="Folders of raw files, or single files.")
@click.option("--tokenizer", metavar="FOLDER", help="A folder with a tokenizer.json, or hf://org/repo.")
@click.option("--train-tokenizer", "entries", type=int, metavar="N", help="Train one of N entries on the data.")
@click.option(
    "--size",
    "base",
    type=RECIPE,
    default="tiny",
    metavar="RECIPE",
    help="The recipe whose sizes to take: tiny, by default, or another.",
)
@click.option("--column", "columns", multiple=True, metavar="[NAME=]COLUMN", help="The text column, if not as guessed.")
@click.option("--document", type=click.Choice(["file", "line"]), help="What a document of a .txt file is.")
@click.option("--share", "shares", multiple=True, metavar="NAME=N", help="Share of a dataset, if not by its bytes.")
@click.option("--epochs", type=click.FloatRange(min=0, min_open=True), metavar="N", help="Passes over the data.")
@click.option("--bos-token", metavar="TOKEN", help="Beginning of a document, if not as guessed.")
@click.option("--eos-token", metavar="TOKEN", help="End of a document, if not as guessed.")
@click.option(
    "--on-bad-row", type=click.Choice(["fail", "skip"]), help="A row that can't be read: an error, or skipped."
)
@click.option("--duplicates", type=click.Choice(["refuse", "keep"]), help="Files with the same content.")
@click.option("--yes", is_flag=True, help="Take every guess, ask nothing.")
def init(recipe: str, more: Sequence[str], **given: Any) -> None:
    """
    Make a recipe of your own data: look at it, pin it, choose sizes.

    RECIPE: a name for it. Writes config/recipes/RECIPE.yaml, and for each folder config/datasets/NAME.yaml with its
    pins; all of it or nothing, and never over a file that exists. What is missing is asked, on a terminal.
    """
    from nano3.start.describe import Reading
    from nano3.start.init import Wishes, init, shares_of

    data = [*given["data"], *more]
    if not data:
        raise click.UsageError("name your data: --data FOLDER")
    reading = Reading(
        Reading.columns_of(given["columns"]), given["document"], given["on_bad_row"], given["duplicates"], given["yes"]
    )
    keys = ("tokenizer", "entries", "bos_token", "eos_token", "base", "epochs")
    wishes = Wishes(recipe, data, reading, shares=shares_of(given["shares"]), **{key: given[key] for key in keys})
    for line in init(wishes, _ask if _is_attended() and not given["yes"] else None):
        print(line, flush=True)


def _is_attended() -> bool:
    return sys.stdin.isatty()


def _ask(question: str, answers: Sequence[str], likely: str) -> str:
    kind = click.Choice([*answers]) if answers else None
    return str(click.prompt(question, default=likely, type=kind, err=True))


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
    from nano3.config.checks import unpinned, unpinned_tokenizer
    from nano3.config.load import load_recipe
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
