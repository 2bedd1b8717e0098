"""How does a function become a command line for a rule? Its signature says it: names, types and defaults."""

import argparse
import inspect
import json
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

from nano3 import Nano3Error


def run(verb: Callable[..., int | None]) -> None:
    """
    Call a function with the arguments of the command line, --raw-file for raw_file, and exit with its status.

    Parameters may be str, int, float, bool, Path, Literal, lists of them, or dict (given as JSON). A Nano3Error ends
    the program with its message alone, status 1.
    """
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(verb), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_arguments(parser, verb)
    try:
        status = verb(**vars(parser.parse_args()))
    except Nano3Error as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
    sys.exit(status)


def words_after_dashes() -> list[str]:
    """Take `--` and what follows off sys.argv: the words of another command."""
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    words = sys.argv[end + 1 :]
    del sys.argv[end:]
    return words


def _add_arguments(parser: argparse.ArgumentParser, verb: Callable[..., int | None]) -> None:
    hints = typing.get_type_hints(verb)
    for name, parameter in inspect.signature(verb).parameters.items():
        kind = hints[name]
        if typing.get_origin(kind) in (types.UnionType, typing.Union):  # with None
            kind = typing.get_args(kind)[0]
        required = parameter.default is inspect.Parameter.empty
        options: dict[str, Any] = {"default": None if required else parameter.default}
        if typing.get_origin(kind) in (list, Sequence):
            kind = typing.get_args(kind)[0]
            options["default"] = None if required else list(parameter.default)
            # An option that is required may be given without a value, one that may be left out may not.
            options |= {"nargs": "*" if required else "+", "action": "extend"}
        options |= {"action": "store_true"} if kind is bool else _reader(kind)
        parser.add_argument(f"--{name.replace('_', '-')}", dest=name, required=required, **options)


def _reader(kind: Any) -> dict[str, Any]:
    if kind in (str, int, float, Path):
        return {"type": kind}
    if typing.get_origin(kind) is dict or typing.is_typeddict(kind):
        return {"type": json.loads}
    if typing.get_origin(kind) is Literal:
        return {"choices": typing.get_args(kind)}
    raise TypeError(f"a command line can't give a {kind}")
