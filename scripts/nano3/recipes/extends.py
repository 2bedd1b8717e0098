"""
What does a recipe say in full? Its own values over those of the recipe that it extends.

Groups of keys are merged key by key. What is one choice is taken whole, from the nearest recipe that makes it: in a
phase `mixture` with `without_data`, and `segments` with `chain`; and `categories` and `max_epochs_of`. A recipe whose
`phases` are all phases of its base changes these and keeps the rest, in the base's order. One that names a phase of its
own lists all of its phases, in their order; those that the base has, too, take from there what they do not say. null
removes what the base says. `about` is never inherited: it is what a recipe is for.

Only the values decide what is made: the same values, written in one file or in three, are the same recipe.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nano3.core.names import recipe_name
from nano3.core.schema import ConfigError, did_you_mean, read_yaml

EXTENDS, ABOUT, PHASES = "extends", "about", "phases"
ONE_CHOICE = (("mixture", "without_data"), ("segments", "chain"), ("categories",), ("max_epochs_of",))

Values = dict[str, Any]
KeyPath = tuple[str, ...]


@dataclass(frozen=True)
class Composition:
    """
    The values of a recipe and of all that it extends. files: of these, its own first. owners: the file that a value, or
    a group of values, is from, or how else it was given; a group belongs to the last one that says something in it.
    """

    values: Values
    files: tuple[Path, ...]
    owners: Mapping[KeyPath, str]

    def owner(self, key: str) -> str | None:
        """The file that a value is from, by dotted key, or how else it was given; None for a default."""
        return self._by_key.get(key)

    def file(self, key: str) -> str:
        """The file to correct where the value of a dotted key is wrong: the one that says it, or the recipe's own."""
        files = {*map(str, self.files)}
        parts = key.split(".")
        said = (self.owner(".".join(parts[:length])) for length in range(len(parts), 0, -1))
        owner = next(filter(None, said), None)
        return owner if owner in files else str(self.files[0])

    @cached_property
    def _by_key(self) -> dict[str, str]:
        return {".".join(path): owner for path, owner in self.owners.items()}


def read_composition(name: str, folder: Path) -> Composition:
    """
    A recipe's values with those that it inherits. folder: of recipes.

    Raises ConfigError, in one sentence that names the file, for a recipe that is missing or not YAML, that extends
    itself, or whose phases are not those of its base and have no base of their own.
    """
    layers = list(_layers(name, folder))
    values: Values = {}
    owners: dict[KeyPath, str] = {}
    for file, own in reversed(layers):
        if values:
            _refuse_misspelt(own.get(PHASES), values.get(PHASES), file)
            values.pop(ABOUT, None)
            owners.pop((ABOUT,), None)
        values = _merged(values, own, (), owners, str(file))
    if len(layers) > 1:
        values.setdefault(ABOUT, f"Recipe {layers[1][0].stem} with other values.")
    return Composition(values, tuple(file for file, _ in layers), owners)


def _layers(name: str, folder: Path) -> Iterator[tuple[Path, Values]]:
    """The files of a recipe, its own first, each with what it says."""
    names: list[str] = []
    while name:
        file = folder / f"{name}.yaml"
        source = folder / f"{names[-1]}.yaml" if names else None
        if name in names:
            circle = " -> ".join([*names[names.index(name) :], name])
            raise ConfigError(f"{source}: {EXTENDS}: recipes extend each other in a circle, {circle}: break it")
        try:
            values = read_yaml(file)
        except ConfigError as error:
            raise ConfigError(f"{source}: {EXTENDS}: {error}" if source and not file.exists() else str(error)) from None
        base = values.pop(EXTENDS, "")
        if not isinstance(base, str):
            raise ConfigError(f"{file}: {EXTENDS}: must be the name of a recipe, not {base!r}")
        yield file, values
        names.append(name)
        name = recipe_name(base) if base else ""


def _merged(base: Values, own: Values, path: KeyPath, owners: dict[KeyPath, str], file: str) -> Values:
    """Own over base. owners: of base's values; becomes that of all."""
    values = dict(base)
    for name in _replaced(own) & base.keys():
        values.pop(name)
        disown(owners, (*path, name))
    if path == (PHASES,) and own.keys() - base.keys():
        for name in base.keys() - own.keys():
            values.pop(name)
            disown(owners, (*path, name))
    for name, value in own.items():
        here = (*path, str(name))
        if value is None and name in values:
            values.pop(name)
            disown(owners, here)
        elif isinstance(value, dict) and isinstance(values.get(name), dict):
            values[name] = _merged(values[name], value, here, owners, file)
            owners[here] = file
        else:
            values[name] = value
            disown(owners, here)
            owners |= dict.fromkeys(paths(value, here), file)
    if path == (PHASES,) and own.keys() - base.keys():
        return {name: values[name] for name in own if name in values}
    return values


def _replaced(own: Values) -> set[str]:
    """The keys of a base that do not count beside these."""
    return {name for group in ONE_CHOICE if any(own.get(each) is not None for each in group) for name in group}


def _refuse_misspelt(own: Any, base: Any, file: Path) -> None:
    """Raises ConfigError for a phase that looks like one of the base and says too little to be another."""
    if not (isinstance(own, dict) and isinstance(base, dict)):
        return
    for name in own.keys() - base.keys():
        whole = isinstance(own[name], dict) and "mixture" in own[name] and own[name].keys() & {"segments", "chain"}
        listing = f"a phase of its own needs a mixture and segments; the base has {', '.join(base)}"
        if not whole:
            raise ConfigError(f"{file}: {PHASES}.{name}: no phase of its base; {did_you_mean(name, base, listing)}")


def inner(values: Values, path: KeyPath = ()) -> Iterator[tuple[KeyPath, Any]]:
    """All values in a group, by place, in order; a group comes before what is in it."""
    for name, value in values.items():
        here = (*path, str(name))
        yield here, value
        if isinstance(value, dict):
            yield from inner(value, here)


def paths(value: Any, path: KeyPath) -> list[KeyPath]:
    """The place of a value, and of all values in it."""
    return [path, *(place for place, _ in inner(value, path))] if isinstance(value, dict) else [path]


def disown(owners: dict[KeyPath, str], path: KeyPath) -> None:
    """Forget who said what at a place and below it."""
    for each in [each for each in owners if each[: len(path)] == path]:
        del owners[each]
