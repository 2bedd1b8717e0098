"""How is configuration checked? By closed models: unknown keys are errors, and every error names file, key, remedy."""

import difflib
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from nano3 import Nano3Error

Model = TypeVar("Model", bound=BaseModel)

# What a value must be, by pydantic's name of the fault.
MUST_BE = {
    "bool_parsing": "true or false",
    "bool_type": "true or false",
    "dict_type": "a group of keys",
    "finite_number": "a finite number",
    "float_parsing": "a number",
    "float_type": "a number",
    "greater_than": "above {gt:g}",
    "greater_than_equal": "at least {ge:g}",
    "int_from_float": "a whole number",
    "int_parsing": "a whole number",
    "int_type": "a whole number",
    "less_than": "below {lt:g}",
    "less_than_equal": "at most {le:g}",
    "list_type": "a list",
    "literal_error": "{expected}",
    "model_type": "a group of keys",
    "string_pattern_mismatch": "text that matches {pattern}",
    "string_type": "text",
    "too_short": "given at least {min_length} value",
}
# A line whose value is a text that needs quotes, like *.jsonl, [ab]*.jsonl and {a,b}.jsonl.
UNQUOTED = re.compile(r"""\s*([\w.-]+):\s+([*!&%@`][^\s'"]*|[\[{][^\]}'"]*[\]}][^\s,\]}'"]+)\s*(?:#.*)?$""")


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
                mark = node.value[place][0].start_mark
                raise yaml.MarkedYAMLError(problem=f"key {key!r} is given twice", problem_mark=mark)
        return super().construct_mapping(node, deep)


def did_you_mean(word: str, known: Iterable[str], otherwise: str) -> str:
    """The remedy for a word that is not known: the nearest one that is, or, where none is near, another remedy."""
    near = _nearest(word, known)
    return f"did you mean {near}?" if near else otherwise


def _nearest(word: str, known: Iterable[str]) -> str | None:
    return next(iter(difflib.get_close_matches(word, [*known], n=1)), None)


def read_yaml(path: Path) -> dict[str, Any]:
    """A YAML file's mapping. Raises ConfigError for a missing, unreadable or differently shaped file."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        names = sorted(other.stem for other in path.parent.glob("*.yaml"))
        remedy = did_you_mean(path.stem, names, f"{path.parent} has: {', '.join(names) or 'none'}")
        raise ConfigError(f"{path}: no such file; {remedy}") from None
    except UnicodeDecodeError as error:
        line = error.object.count(b"\n", 0, error.start) + 1
        wrong = f"byte {error.object[error.start]:#04x} is not UTF-8"
        raise ConfigError(f"{path}: line {line}: {wrong}: save the file in UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{path}: can't be read: {error.strerror}") from None
    try:
        value = yaml.load(text, _UniqueKeys)
    except (yaml.MarkedYAMLError, yaml.reader.ReaderError) as error:
        raise ConfigError(f"{path}: {_not_yaml(error, text)}") from None
    except ValueError as error:  # an impossible date
        raise ConfigError(f"{path}: not YAML: {error}: quote the value if it is text") from None
    if not isinstance(value, dict):
        raise ConfigError(
            f"{path}: {'is empty' if value is None else 'has no keys'}: write keys with values, key: value"
        )
    return value


def _not_yaml(error: yaml.MarkedYAMLError | yaml.reader.ReaderError, text: str) -> str:
    """Where a text stops being YAML, and what was expected there, in one line."""
    if isinstance(error, yaml.reader.ReaderError):
        before = text[: error.position]
        line, column = before.count("\n"), error.position - (before.rfind("\n") + 1)
        wrong = f"character U+{ord(text[error.position]):04X} is not allowed"
    else:
        mark: Any = error.problem_mark  # None only where no text is read
        line, column, wrong = mark.line, mark.column, str(error.problem)
        if error.context_mark:
            wrong += f", {error.context} from line {error.context_mark.line + 1}"
    remedy = _quotes(text, line) or _spaces(text, line)
    if not remedy and isinstance(error, yaml.scanner.ScannerError | yaml.parser.ParserError):
        remedy = ": check quotes, colons and indentation there and above"
    return f"line {line + 1}, column {column + 1}: not YAML: {wrong}{remedy}"


def _spaces(text: str, line: int) -> str:
    """The remedy for a line that is indented with tabs, which YAML does not take. line: counted from 0."""
    return ": indent with spaces" if text.split("\n")[line].startswith("\t") else ""


def _quotes(text: str, line: int) -> str:
    """The remedy for a text that YAML reads as something else, such as the glob *.jsonl. line: counted from 0."""
    match = UNQUOTED.match("".join(text.split("\n")[line : line + 1]))
    return f": quote it, {match[1]}: '{match[2]}'" if match else ""


def validated(model: type[Model], values: Any, source: str | Callable[[str], str]) -> Model:
    """
    The typed form of values. source: the file that they are from, or that of each by its dotted key.

    Raises ConfigError with one line per fault: source, dotted key, what is wrong, and the nearest known key.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        faults = [dict(fault) for fault in error.errors(include_url=False)]
        meant = {_meant(model, fault) for fault in faults if fault["type"] == "extra_forbidden"}
        told = [fault for fault in faults if fault["type"] != "missing" or fault["loc"] not in meant]
        raise ConfigError("\n".join(f"{_source(source, fault)}: {_fault(model, fault)}" for fault in told)) from None


def _source(source: str | Callable[[str], str], fault: dict[str, Any]) -> str:
    return source if isinstance(source, str) else source(".".join(map(str, fault["loc"])))


def _meant(model: type[BaseModel], fault: dict[str, Any]) -> tuple[int | str | None, ...]:
    """The known key that an unknown one is near to, with its place: it is not reported as missing, too."""
    *place, key = fault["loc"]
    return (*place, _nearest(key, _fields(model, [str(part) for part in place])))


def _fault(model: type[BaseModel], fault: dict[str, Any]) -> str:
    where = [str(part) for part in fault["loc"]]
    key = ".".join(where) or "the whole file"
    if fault["type"] == "extra_forbidden":
        known = _fields(model, where[:-1])
        remedy = did_you_mean(where[-1], known, f"known keys here: {', '.join(sorted(known))}")
        return f"{key}: no such key; {remedy}"
    if fault["type"] == "missing":
        return f"{key}: this key is missing; add it"
    if fault["type"] == "value_error":  # one of our own rules; one over several keys says itself which
        message = str(fault["msg"]).removeprefix("Value error, ")
        return f"{key}: {message}" if where else message
    must_be = MUST_BE.get(fault["type"])
    message = f"must be {must_be.format(**fault.get('ctx', {}))}" if must_be else fault["msg"]
    meaning = _description(model, where) if fault["type"] in ("string_pattern_mismatch", "too_short") else ""
    return f"{key}: {message}, not {fault['input']!r}{meaning}"


def _description(model: type[BaseModel], where: list[str]) -> str:
    """What the model says of a key, to go on with after a fault."""
    kind = _kind(model, where[:-1])
    field = kind.model_fields.get(where[-1]) if _is_model(kind) else None
    return f" ({field.description.rstrip('.')})" if field and field.description else ""


def _fields(model: type[BaseModel], where: list[str]) -> list[str]:
    """The keys known at a place in the configuration."""
    kind = _kind(model, where)
    return list(kind.model_fields) if _is_model(kind) else []


def _kind(model: type[BaseModel], where: list[str]) -> Any:
    """The type at a place in the configuration."""
    kind: Any = model
    for part in where:
        kind = kind.model_fields[part].annotation if _is_model(kind) else get_args(kind)[1]
        if type(None) in get_args(kind):
            kind = get_args(kind)[0]
    return kind


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
