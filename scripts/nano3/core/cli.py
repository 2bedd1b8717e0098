"""How does a function become a command line for a rule? Its signature says it: names, types and defaults."""

import argparse
import errno
import inspect
import json
import os
import shutil
import sys
import types
import typing
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Literal

from nano3 import Nano3Error
from nano3.core.formatting import SPACE, size

FULL = (errno.ENOSPC, errno.EDQUOT)


def run(verb: Callable[..., int | None]) -> None:
    """
    Call a function with the arguments of the command line, --raw-file for raw_file, and exit with its status.

    Parameters may be str, int, float, bool, Path, Literal, lists of them, or dict (given as JSON). A Nano3Error, a full
    disk, a library that is missing and a Ctrl-C end the program with one sentence, and not with status 0.
    """
    parser = argparse.ArgumentParser(
        description=inspect.getdoc(verb), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    _add_arguments(parser, verb)
    try:
        status = verb(**vars(parser.parse_args()))
    except Nano3Error as error:
        sys.exit(f"{_name()}: {error}")
    sys.exit(status)


def tell_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """
    One sentence for what a person or a machine does to a program: a Ctrl-C, a full disk, another environment.

    A hook, because most of a verb's short life goes by before run(), while it imports its libraries.
    """
    sentence = "interrupted" if isinstance(error, KeyboardInterrupt) else _sentence(error)
    if sentence is None:
        sys.__excepthook__(kind, error, trace)
    else:
        print(f"{_name()}: {sentence}", file=sys.stderr)


sys.excepthook = tell_uncaught


def _sentence(error: BaseException) -> str | None:
    if isinstance(error, ModuleNotFoundError) and not (error.name or "nano3").startswith("nano3"):
        return (
            f"the library {error.name} is not installed here: activate the environment, . .venv/bin/activate, or make "
            "it with `make install`"
        )
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno in FULL:
            return full_disk(cause)
        cause = cause.__cause__ or cause.__context__
    return None


def full_disk(error: OSError) -> str:
    """Which disk is full, how much of it is free, and what to do. error: with errno ENOSPC or EDQUOT."""
    name = error.filename  # of a file that could not be opened; libraries tell of one that could not be written without
    file = Path(os.fsdecode(name)) if isinstance(name, str | bytes) else Path("results")
    folder = next(each for each in (file.absolute(), *file.absolute().parents) if each.is_dir())
    free = size(shutil.disk_usage(folder).free).replace(SPACE, " ")
    what = "your quota is used up" if error.errno == errno.EDQUOT else f"{free} left"
    return (
        f"the disk of {folder.resolve()} is full ({what}): free some of it, then run the same again; what is done stays"
    )


def _name() -> str:
    return Path(sys.argv[0]).stem


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
