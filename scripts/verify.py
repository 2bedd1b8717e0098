"""Compare the bytes of artifacts with their receipts; status 1 if a file is damaged or missing."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import join
from typing import Annotated

from nano3.config.load import load_recipe
from nano3.config.options import RecipeOption, SampleOption, SetOption, given, settings_with
from nano3.core.cli import Argument, AsJson, run, to_json
from nano3.provenance.verify import Fault, Verdict, verify

Targets = Annotated[
    Sequence[str], Argument("dataset, phase, phase/segment or path; none: all", "TARGET", positional=True)
]


def main(
    targets: Targets = (),
    recipe: RecipeOption = None,
    overrides: SetOption = None,
    sample: SampleOption = None,
    sizes: Annotated[bool, Argument("compare sizes alone: seconds, not hours")] = False,
    raw: Annotated[bool, Argument("compare raw shards with their pins, too")] = False,
    notes: Annotated[Path | None, Argument("note here what is whole, and resume from it", "FILE")] = None,
    threads: Annotated[int | None, Argument("that read at a time; default: the cores", "N")] = None,
    json: AsJson = False,
) -> int:
    """Print what is damaged or missing, with its remedy."""
    options = given(recipe, overrides, sample)
    settings = settings_with(options)
    name, loaded = load_recipe(settings.recipe, settings.set, settings.sample)
    verdict = verify(name, loaded, targets, sizes, raw, notes, threads)
    config = ["--config", *(f"{key}={value}" for key, value in options.items())] if options else []
    if json:
        faults = [asdict(fault) | {"command": command(fault, config)} for fault in verdict.faults]
        print(to_json(asdict(verdict) | {"recipe": name, "faults": faults}))
    else:
        print(as_text(verdict, config))
    return 1 if verdict.faults else 0


def command(fault: Fault, config: Sequence[str]) -> str:
    """What builds a file again."""
    return join(["snakemake", fault.build, *config]) if fault.build else ""


def as_text(verdict: Verdict, config: Sequence[str]) -> str:
    """A line for each fault, then what was compared."""
    lines = []
    for fault in verdict.faults:
        deleted = f"delete {' and '.join(fault.delete)}, then " if fault.delete else ""
        remedy = f"{deleted}run `{command(fault, config)}`" if fault.build else "restore it, or pin its dataset again"
        lines.append(f"{fault.path}: {fault.fault}: {remedy}")
    lines.append(
        f"{verdict.files:,} files, {verdict.bytes:,} bytes: {len(verdict.faults):,} damaged or missing"
        + (f"; {verdict.passed:,} files are in the notes" if verdict.passed else "")
        + "".join(f"; {kind}: {count:,} not made yet" for kind, count in verdict.unmade.items())
    )
    return "\n".join(lines)


if __name__ == "__main__":
    run(main, __doc__)
