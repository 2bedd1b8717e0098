"""How does a function become a command line? Its signature says it: names, types, defaults, and what help prints."""

import argparse
import inspect
import json
import os
import select
import sys
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from nano3 import Nano3Error

Verb = Callable[..., int | None]


class UsageError(Nano3Error):
    """The command line lacks something; it ends the program with its usage, status 2."""


@dataclass(frozen=True)
class Argument:
    """
    What a parameter's Annotated type says of it. name: of its option, if it is another than the parameter's.
    positional: given by its place. count: how many of a list.
    """

    help: str = ""
    metavar: str | None = None
    name: str = ""
    positional: bool = False
    count: int | None = None


AsJson = Annotated[bool, Argument("print it as JSON", name="json")]


def run(verb: Verb | Mapping[str, Verb], description: str | None = None) -> None:
    """
    Call a function with the arguments of the command line, --raw-file for raw_file, and exit with its status.

    Parameters may be str, int, float, bool, Path, Literal, lists of them, or dict (given as JSON). verb: several
    functions are subcommands by name. description: for --help, if not the function's docstring. A Nano3Error ends the
    program with its message alone, status 1; a reader that has seen enough (`| head`) ends it without a word.
    """
    parser = argparse.ArgumentParser(
        description=description or inspect.getdoc(verb), formatter_class=argparse.RawDescriptionHelpFormatter
    )
    if isinstance(verb, Mapping):
        subparsers = parser.add_subparsers(required=True)
        for name, function in verb.items():
            subparser = subparsers.add_parser(name, help=inspect.getdoc(function))
            subparser.set_defaults(verb=function)
            _add_arguments(subparser, function)
        arguments = vars(parser.parse_args())
    else:
        _add_arguments(parser, verb)
        arguments = vars(parser.parse_intermixed_args()) | {"verb": verb}
    try:
        status = arguments.pop("verb")(**arguments)
        sys.stdout.flush()
    except UsageError as error:
        parser.error(str(error))
    except Nano3Error as error:
        sys.exit(f"{Path(sys.argv[0]).stem}: {error}")
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        status = 1
    sys.exit(status)


def words_after_dashes() -> list[str]:
    """Take `--` and what follows off sys.argv: the words of another command."""
    end = sys.argv.index("--") if "--" in sys.argv else len(sys.argv)
    words = sys.argv[end + 1 :]
    del sys.argv[end:]
    return words


def to_json(value: Any) -> str:
    """JSON for people and programs, dataclasses as objects."""
    return json.dumps(value, default=asdict, indent=1, ensure_ascii=False)


def _add_arguments(parser: argparse.ArgumentParser, verb: Verb) -> None:
    hints = typing.get_type_hints(verb, include_extras=True)
    for name, parameter in inspect.signature(verb).parameters.items():
        kind, argument = hints[name], Argument()
        if typing.get_origin(kind) is Annotated:
            kind, argument = typing.get_args(kind)
        if typing.get_origin(kind) in (types.UnionType, typing.Union):  # with None
            kind = typing.get_args(kind)[0]
        required = parameter.default is inspect.Parameter.empty
        options: dict[str, Any] = {"help": argument.help or None, "default": None if required else parameter.default}
        if typing.get_origin(kind) in (list, Sequence):
            kind = typing.get_args(kind)[0]
            options["default"] = None if required else list(parameter.default)
            # An option that is required may be given without a value, one that may be left out may not.
            options["nargs"] = argument.count or ("*" if required != argument.positional else "+")
            options["action"] = "store" if argument.positional else "extend"
        if kind is bool:
            options["action"] = "store_true"
        else:
            options |= {"metavar": argument.metavar, **_reader(kind)}
        if argument.positional:
            parser.add_argument(name, **options)
        else:
            flag = f"--{(argument.name or name).replace('_', '-')}"
            parser.add_argument(flag, dest=name, required=required, **options)


def _reader(kind: Any) -> dict[str, Any]:
    if kind in (str, int, float, Path):
        return {"type": kind}
    if typing.get_origin(kind) is dict or typing.is_typeddict(kind):
        return {"type": json.loads}
    if typing.get_origin(kind) is Literal:
        return {"choices": typing.get_args(kind)}
    raise TypeError(f"a command line can't give a {kind}")


def _nobody_reads() -> bool:
    """Whether it is stdout whose reader is gone; then nothing more is written there, not at exit either."""
    poll = select.poll()
    poll.register(sys.stdout, 0)
    gone = any(event & select.POLLERR for _, event in poll.poll(0))
    if gone:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return gone
