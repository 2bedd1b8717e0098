"""Which recipe is meant? The options that many commands share, declared once, and what Tab completes."""

import json
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from nano3.core.names import pinned_name, recipe_name

if TYPE_CHECKING:
    from nano3.config.load import Loaded, Settings
    from nano3.config.recipe import Recipe

CONFIG = Path("config/config.yaml")
CHECKPOINTS = Path("results/checkpoints")


class NamedFile(click.ParamType[str]):
    """The name of a .yaml file in folders of config/, or the file, which Tab completes."""

    def __init__(self, name: str, named: Callable[[str], str], *folders: str) -> None:
        """name: for --help. named: makes one of what was typed, see nano3.core.names."""
        self.name, self._named, self._folders = name, named, [Path("config") / folder for folder in folders]

    def convert(self, value: Any, _param: click.Parameter | None, _context: click.Context | None) -> str:
        """Without folder and ending. Raises MisplacedError."""
        return self._named(value)

    def shell_complete(self, _context: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Names, or files once a folder was begun."""
        files = sorted(file for folder in self._folders for file in folder.glob("*.yaml"))
        names = [str(file) if "/" in incomplete else file.stem for file in files]
        return [CompletionItem(name) for name in names if name.startswith(incomplete)]


class RowCount(click.ParamType[int]):
    """A number of rows, or 0 for all."""

    name = "rows"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> int:
        """A whole number. Raises UsageError."""
        if not str(value).isdecimal():
            self.fail(f"must be a whole number, 0 or more, not {value!r}", param, context)
        return int(value)


RECIPE = NamedFile("recipe", recipe_name, "recipes")
PINNED = NamedFile("dataset or tokenizer", pinned_name, "datasets", "tokenizers")

as_json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")


@dataclass(frozen=True)
class Choice:
    """The recipe that a command line means. Each value is None if config/config.yaml says it."""

    recipe: str | None = None
    overrides: str | None = None
    sample: int | None = None

    @property
    def given(self) -> dict[str, Any]:
        """What was given, by its key of `snakemake --config`."""
        values = {"recipe": self.recipe, "set": self.overrides, "sample": self.sample}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def words(self) -> list[str]:
        """The same for the command line of snakemake."""
        return ["--config", *(f"{key}={value}" for key, value in self.given.items())] if self.given else []

    def settings(self) -> "Settings":
        """Those of config/config.yaml with what was given instead. Raises ConfigError."""
        from nano3.config.load import read_settings
        from nano3.core.schema import read_yaml

        return read_settings(read_yaml(CONFIG) | self.given)

    def load(self) -> tuple[str, "Recipe"]:
        """The name of its artifacts, and the recipe. Raises ConfigError."""
        loaded = self.load_whole()
        return loaded.name, loaded.recipe

    def load_whole(self) -> "Loaded":
        """The recipe with where its values are from, and what overrides changed. Raises ConfigError."""
        from nano3.config.load import load

        settings = self.settings()
        return load(settings.recipe, settings.set, settings.sample)

    def artifacts(self) -> str:
        """The name of its artifacts, which a recipe with overrides may also be called by. Raises ConfigError."""
        if self.recipe and self.given.keys() == {"recipe"} and (CHECKPOINTS / self.recipe).is_dir():
            return self.recipe
        return self.load()[0]


def other_recipes(recipe: str) -> list[str]:
    """The names of all recipes but one, sorted."""
    return sorted(file.stem for file in Path("config/recipes").glob("*.yaml") if file.stem != recipe)


def recipe_options(command: Callable[..., Any]) -> Any:
    """Give a command --recipe, --set and --sample, which it takes as one `choice`."""
    return _choice(command, [])


def recipe_argument(command: Callable[..., Any]) -> Any:
    """The same for a command that is about a recipe: its name may come without --recipe."""
    return _choice(command, [click.argument("named", metavar="[RECIPE]", type=RECIPE, required=False)])


def _choice(command: Callable[..., Any], arguments: Iterable[Callable[[Any], Any]]) -> Any:
    def chosen(
        recipe: str | None, overrides: str | None, sample: int | None, named: str | None = None, **values: Any
    ) -> Any:
        if named and recipe and named != recipe:
            raise click.UsageError(f"two recipes are named, {named} and {recipe}: name one")
        return command(choice=Choice(named or recipe, overrides, sample), **values)

    chosen.__name__, chosen.__doc__ = command.__name__, command.__doc__
    chosen.__click_params__ = getattr(command, "__click_params__", [])  # type: ignore[attr-defined]
    options = [
        click.option("--sample", type=RowCount(), metavar="N", help="Rows to take of each dataset; 0: all."),
        click.option(
            "--set", "overrides", metavar="'KEY=VALUE …'", help="Recipe values to override; they give it another name."
        ),
        click.option("--recipe", type=RECIPE, metavar="RECIPE", help="A recipe of config/recipes."),
    ]
    decorated: Any = chosen
    for each in [*options, *arguments]:
        decorated = each(decorated)
    return decorated


def to_json(value: Any) -> str:
    """JSON for people and programs, dataclasses as objects."""
    return json.dumps(value, default=asdict, indent=1, ensure_ascii=False)
