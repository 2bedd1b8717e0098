"""What was made, of what, and is it whole? trace, verify, compare."""

from dataclasses import asdict
from pathlib import Path

import click

from nano3.commands.options import CHECKPOINTS, Choice, as_json, recipe_options, to_json


@click.group()
def trace() -> None:
    """Find the raw rows of a step, and the steps of a raw row."""


@trace.command()
@click.argument("step", metavar="N[-M]")
@click.option("--phase", metavar="PHASE", help="A phase that the steps must be of.")
@click.option("--text", is_flag=True, help="With the text that was trained on.")
@recipe_options
@as_json
def step(choice: Choice, step: str, phase: str | None, text: bool, as_json: bool) -> None:
    """List the documents of a step, or of a range of steps; steps count from the start of training."""
    from nano3.provenance.trace import segments, trace_steps
    from nano3.provenance.trace_text import steps_as_text

    first, _, last = step.partition("-")
    if not first.isdecimal() or not (last or first).isdecimal():
        raise click.UsageError(f"{step!r} is no step: write 120, or 120-125")
    pieces = list(trace_steps(segments(CHECKPOINTS / choice.artifacts()), int(first), int(last or first), phase, text))
    print(to_json(pieces) if as_json else steps_as_text(pieces))


@trace.command()
@click.argument("dataset", metavar="DATASET")
@click.argument("file", metavar="FILE")
@click.argument("row", metavar="ROW", type=int)
@recipe_options
@as_json
def row(choice: Choice, dataset: str, file: str, row: int, as_json: bool) -> None:
    """
    List the steps that a raw row was trained in.

    FILE: a shard, or a raw file by its path or the end of it. ROW: of the raw file, counted from 1; --json has
    row_index, counted from 0.
    """
    from nano3.provenance.trace import segments, trace_row
    from nano3.provenance.trace_text import row_as_text

    traced = trace_row(segments(CHECKPOINTS / choice.artifacts()), dataset, file, row - 1)
    print(to_json(traced) if as_json else row_as_text(traced))


@click.command()
@click.argument("targets", metavar="[TARGET]…", nargs=-1)
@recipe_options
@click.option("--sizes", is_flag=True, help="Compare sizes alone: seconds, not hours.")
@click.option("--raw", is_flag=True, help="Compare raw shards with their pins, too.")
@click.option(
    "--notes", type=click.Path(path_type=Path), metavar="FILE", help="Note here what is whole, and resume from it."
)
@click.option("--threads", type=int, metavar="N", help="Files read at a time; default: the cores.")
@as_json
def verify(
    choice: Choice,
    targets: tuple[str, ...],
    sizes: bool,
    raw: bool,
    notes: Path | None,
    threads: int | None,
    as_json: bool,
) -> int:
    """
    Compare the bytes of artifacts with their receipts.

    Status 1 if a file is damaged or missing. TARGET: a dataset, a phase, phase/segment or a path; none: all.
    """
    from nano3.provenance.verify import as_text, command
    from nano3.provenance.verify import verify as compared

    name, loaded = choice.load()
    verdict = compared(name, loaded, targets, sizes, raw, notes, threads)
    if as_json:
        faults = [asdict(fault) | {"command": command(fault, choice.words)} for fault in verdict.faults]
        print(to_json(asdict(verdict) | {"recipe": name, "faults": faults}))
    else:
        print(as_text(verdict, choice.words))
    return 1 if verdict.faults else 0


@click.command()
@click.argument("before", metavar="A")
@click.argument("after", metavar="B")
@as_json
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write it as a page, too.")
def compare(before: str, after: str, as_json: bool, html: Path | None) -> None:
    """
    Say what differs between two trainings.

    Data, mixture, code, settings, losses. A, B: a recipe's name, or the receipt of an export or of a segment.
    """
    from nano3.comparison.compare import compare as compared
    from nano3.comparison.text import as_text, write_comparison

    comparison = compared(before, after)
    print(to_json(comparison) if as_json else as_text(comparison))
    if html:
        write_comparison(comparison, html)
