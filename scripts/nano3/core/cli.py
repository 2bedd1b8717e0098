"""The door of a verb: its function's signature becomes its command line."""

import argparse
import inspect
import json
import sys
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nano3 import Nano3Error


def run(function: Callable[..., Any]) -> None:
    """
    Call a function with the arguments of the command line: --raw-file for raw_file.

    Parameters may be str, int, float, Path, list[Path], list[str] or dict (given as JSON). A Nano3Error ends the
    program with its message alone, status 1.
    """
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(function), formatter_class=argparse.RawTextHelpFormatter
    )
    hints = typing.get_type_hints(function)
    for name, parameter in inspect.signature(function).parameters.items():
        kind, many = hints[name], typing.get_origin(hints[name]) is list
        required = parameter.default is inspect.Parameter.empty
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=_reader(typing.get_args(kind)[0] if many else kind),
            nargs="*" if many else None,
            required=required,
            default=None if required else parameter.default,
        )
    try:
        function(**vars(parser.parse_args()))
    except Nano3Error as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")


def _reader(kind: Any) -> Callable[[str], Any]:
    if kind in (str, int, float, Path):
        return typing.cast(Callable[[str], Any], kind)
    if typing.get_origin(kind) is dict or typing.is_typeddict(kind):
        return json.loads
    raise TypeError(f"a command line can't give a {kind}")
