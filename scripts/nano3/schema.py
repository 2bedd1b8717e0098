"""Typed, closed configuration: every key is known, every number has bounds, every error names file, key and remedy."""

import difflib
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from nano3 import Nano3Error

Model = TypeVar("Model", bound=BaseModel)


class ConfigError(Nano3Error):
    """The configuration can't be what was meant."""


class Closed(BaseModel):
    """A configuration object: unknown keys are errors, values never change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class _UniqueKeys(yaml.SafeLoader):
    """YAML where a key that is given twice is an error, not a choice."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for place, key in enumerate(keys):
            if key in keys[:place]:
                raise yaml.YAMLError(f"line {node.value[place][0].start_mark.line + 1}: key {key!r} is given twice")
        return super().construct_mapping(node, deep)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping. Raises ConfigError for a missing, unreadable or differently shaped file."""
    try:
        value = yaml.load(path.read_text(encoding="utf-8"), _UniqueKeys)
    except FileNotFoundError:
        there = ", ".join(sorted(other.stem for other in path.parent.glob("*.yaml"))) or "none"
        raise ConfigError(f"{path}: no such file; {path.parent} has: {there}") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not YAML in UTF-8: {' '.join(str(error).split())}") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    if not isinstance(value, dict):
        raise ConfigError(f"{path}: must hold keys and values, not {type(value).__name__}")
    return value


def validated(model: type[Model], values: Any, source: str) -> Model:
    """
    The typed form of values read from source.

    Raises ConfigError with one line per fault: source, dotted key, what is wrong, and the nearest known key.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [_fault(model, dict(fault)) for fault in error.errors(include_url=False)]
        raise ConfigError("\n".join(f"{source}: {fault}" for fault in faults)) from None


def _fault(model: type[BaseModel], fault: dict[str, Any]) -> str:
    where = [str(part) for part in fault["loc"]]
    key = ".".join(where) or "the whole file"
    if fault["type"] == "extra_forbidden":
        known = _fields(model, where[:-1])
        near = difflib.get_close_matches(where[-1], known, n=1)
        remedy = f"did you mean {near[0]}?" if near else f"known keys here: {', '.join(sorted(known))}"
        return f"{key}: no such key; {remedy}"
    if fault["type"] == "missing":
        return f"{key}: this key is missing; add it"
    message = str(fault["msg"]).removeprefix("Value error, ")
    if not where and message != fault["msg"]:
        return message  # a rule over several keys says itself which
    return f"{key}: {message}" if isinstance(fault["input"], dict) else f"{key}: {message}, not {fault['input']!r}"


def _fields(model: type[BaseModel], where: list[str]) -> list[str]:
    """The keys known at a place in the configuration."""
    current: Any = model
    for part in where:
        current = current.model_fields[part].annotation if _is_model(current) else get_args(current)[1]
        if type(None) in get_args(current):
            current = get_args(current)[0]
    return list(current.model_fields) if _is_model(current) else []


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
