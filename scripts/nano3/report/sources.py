"""Where is each number of a recipe from? Its source is the comment beside it, in the recipe's own file."""

from dataclasses import dataclass

from nano3.recipes.extends import Composition, inner
from nano3.recipes.origins import origin


@dataclass(frozen=True)
class Value:
    """
    A value of the recipe. key: dotted. source: the comment beside it, if there is one; for an inherited value the
    recipe that it is from, since what is said of a number there need not hold for this one. A section with a comment is
    a line of its own, without a value: what holds for a section need not hold for each of its keys.
    """

    key: str
    value: str
    source: str


def values(composition: Composition) -> list[Value]:
    """All values of a recipe, with those that it inherits and those that were given otherwise, e.g. with --set."""
    own, bases = str(composition.files[0]), {str(file): file.stem for file in composition.files[1:]}
    found = []
    for path, value in inner(composition.values):
        key = ".".join(path)
        owner, said = composition.owner(key), origin(composition, key)
        if said and said.group:
            if owner == own and said.comment:
                found.append(Value(key, "", said.comment))
        elif not isinstance(value, dict):
            source = said.comment if said and owner == own else f"from {bases[owner]}" if owner in bases else owner
            found.append(Value(key, said.text if said else str(value), source or ""))
    return found
