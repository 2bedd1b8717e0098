"""
Refresh what the code decides: PYTHONPATH=scripts python docs/refresh.py

Pages of docs/ show what commands print and what `nano3 --help` says, and editors complete and check recipes by schemas.
All are made by running the code, so they can't say anything else.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import click
from pydantic import BaseModel

from nano3.core.cli import run
from nano3 import Nano3Error
from nano3.artifact.files import write_json
from nano3.commands.main import SECTIONS, nano3
from nano3.config.recipe import Recipe
from nano3.raw.datasets import Dataset
from nano3.raw.tokenizers import HubTokenizer

COMMAND = re.compile(r"(<!-- (nano3 [^\n]+) -->\n)(.*?)(<!-- up to here -->)", re.DOTALL)
HELP = re.compile(r"(<!-- every command of nano3 -->\n)(.*?)(<!-- up to here -->)", re.DOTALL)
WIDTH = 96  # of a line of help
SCHEMAS: dict[str, type[BaseModel]] = {"recipe": Recipe, "dataset": Dataset, "tokenizer": HubTokenizer}


class PageError(Nano3Error):
    """A command of a page fails."""


def refresh() -> None:
    """Refresh the pages of docs/ that name commands, and the schemas in config/."""
    for page in sorted(Path("docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        if COMMAND.search(text) or HELP.search(text):
            page.write_text(refreshed(text), encoding="utf-8")
    for name, model in SCHEMAS.items():
        write_json(Path(f"config/{name}.schema.json"), model.model_json_schema())


def refreshed(text: str, draw: bool = True) -> str:
    """
    The page with what its commands print today: Markdown where they print tables of it, else a block of text.

    draw: also make the pictures that they name. Raises PageError for a command that fails.
    """

    def output(match: re.Match[str]) -> str:
        command = match[2] if draw else re.sub(r" --(png|svg) \S+", "", match[2])
        done = subprocess.run(
            [sys.executable, "-m", *shlex.split(command)], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise PageError(f"{command}: {done.stderr.strip()}")
        printed = done.stdout if done.stdout.startswith("|") else f"```\n{done.stdout}```\n"
        return f"{match[1]}{printed}{match[4]}"

    return HELP.sub(lambda match: f"{match[1]}{every_command()}{match[3]}", COMMAND.sub(output, text))


def every_command() -> str:
    """The help of every command as Markdown, in the sections of `nano3 --help`."""
    settings = {**nano3.context_settings, "terminal_width": WIDTH}
    top = click.Context(nano3, info_name="nano3", **settings)
    sections = []
    for section, names in SECTIONS.items():
        sections.append(f"## {section}\n")
        sections += [helped(command, top) for name in names if (command := nano3.get_command(top, name))]
    return "\n".join(sections)


def helped(command: click.Command, above: click.Context) -> str:
    """The help of a command and, under it, of its own commands. above: of the command that it belongs to."""
    context = click.Context(command, above, info_name=command.name, terminal_width=WIDTH)
    parts = [f"### {context.command_path}\n\n```text\n{command.get_help(context)}\n```\n"]
    if isinstance(command, click.Group):
        inner = (command.get_command(context, name) for name in command.list_commands(context))
        parts += [helped(each, context) for each in inner if each]
    return "\n".join(parts)


if __name__ == "__main__":
    run(refresh)
