"""
What does an override change? Keys with dots and YAML values: "train.train_iters=50 holdout.valid=0.1".

A value takes the place of what the recipe says, a group of keys as a whole: phases.phase2.mixture='{my-math: 100}'.
null removes a value, e.g. a dataset from a mixture.
"""

import re
import shlex
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any

import yaml

from nano3.core.schema import ConfigError, did_you_mean
from nano3.recipes.extends import EXTENDS, PHASES, Composition, KeyPath, Values, disown, paths

BY_DATASET = ("mixture", "without_data", "max_epochs_of")  # groups whose keys are names of datasets, perhaps with dots
FORM = "write set='train.train_iters=50 holdout.valid=0.1'"
BY_NAME = (*BY_DATASET, "segments", "categories", PHASES)  # groups whose keys are not known beforehand


def parse_overrides(text: str) -> dict[str, Any]:
    """Dotted keys to values. Raises ConfigError for a word that is not key=value."""
    changes: dict[str, Any] = {}
    for word in _words(text):
        key, equals, value = word.partition("=")
        if not equals or not key:
            raise ConfigError(f"set={text!r}: {word!r} is not key=value; {FORM}")
        try:
            changes[key] = yaml.safe_load(value)
        except (yaml.YAMLError, ValueError):
            remedy = f"""; quote a group: set="{key}='{{NAME: VALUE}}'\"""" if value.startswith("{") else ""
            raise ConfigError(f"set={text!r}: {key}: {value!r} is not a YAML value{remedy}") from None
    return changes


def changed(composition: Composition, changes: Mapping[str, Any], owner: str) -> Composition:
    """
    The recipe with other values, by dotted key; None removes one. owner: how they were given, e.g. --set.

    Raises ConfigError for a key below a value, and for None where there is nothing to remove.
    """
    values, owners = deepcopy(composition.values), dict(composition.owners)
    for key, value in changes.items():
        path = _path(key)
        if path[0] == EXTENDS:
            raise ConfigError(f"set: {EXTENDS}: no override changes what a recipe builds on: name another recipe")
        if value is None:
            _remove(values, path, key)
        else:
            _assign(values, path, key, value)
        disown(owners, path)
        owners |= dict.fromkeys((path[:length] for length in range(1, len(path))), owner)
        owners |= dict.fromkeys(paths(value, path), owner) if value is not None else {}
    return replace(composition, values=values, owners=owners)


def _words(text: str) -> list[str]:
    """Words as a shell splits them. Snakemake strips a quote from the end of a value, so one may be missing there."""
    try:
        return shlex.split(text)
    except ValueError as error:
        if str(error) != "No closing quotation":
            raise ConfigError(f"set={text!r}: {error}: fix the quotes and backslashes") from None
    try:
        return shlex.split(text + "'")
    except ValueError:
        return shlex.split(text + '"')


def _path(key: str) -> KeyPath:
    """The parts of a dotted key. A dataset's name may have dots."""
    match = re.fullmatch(rf"(.+)\.({'|'.join(BY_DATASET)})\.(.+)", key)
    return (*match[1].split("."), *match.groups()[1:]) if match else tuple(key.split("."))


def _assign(values: Values, path: KeyPath, key: str, value: Any) -> None:
    """Set a value. Validation refuses an unknown key by name."""
    for part in path[:-1]:
        inner = values.setdefault(part, {})
        if not isinstance(inner, dict):
            raise ConfigError(f"set: {key}: {part} is a value, not a group of keys")
        values = inner
    values[path[-1]] = value


def _remove(values: Values, path: KeyPath, key: str) -> None:
    """Remove a value. One that has a default may be absent already; validation refuses an unknown key by name."""
    group: Any = values
    for part in path[:-1]:
        group = group.get(part, {}) if isinstance(group, dict) else {}
    if isinstance(group, dict) and path[-1] in group:
        del group[path[-1]]
    elif len(path) > 1 and path[-2] in BY_NAME:
        listing = f"{'.'.join(path[:-1])} has: {', '.join(map(str, group)) or 'none'}"
        raise ConfigError(f"set: {key}: there is none to remove; {did_you_mean(path[-1], map(str, group), listing)}")
    else:
        _assign(values, path, key, None)
