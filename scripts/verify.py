"""Compare the bytes of artifacts with their receipts; status 1 if a file is damaged or missing."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from shlex import join

from nano3 import Nano3Error
from nano3.config.load import load_recipe, read_settings
from nano3.core.schema import read_yaml
from nano3.provenance.verify import Fault, Verdict, verify


def main() -> int:
    """Print what is damaged or missing, with its remedy."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="dataset, phase, phase/segment or path; none: all")
    parser.add_argument("--recipe", help="name of a recipe in config/recipes")
    parser.add_argument("--set", metavar="'KEY=VALUE ...'", help="overrides, as they were given when it was built")
    parser.add_argument("--sample", type=int, metavar="N", help="rows that were taken of each dataset")
    parser.add_argument("--sizes", action="store_true", help="compare sizes alone: seconds, not hours")
    parser.add_argument("--raw", action="store_true", help="compare raw shards with their pins, too")
    parser.add_argument("--notes", type=Path, metavar="FILE", help="note what is whole there, and go on from there")
    parser.add_argument("--threads", type=int, metavar="N", help="that read at a time; default: the cores")
    parser.add_argument("--json", action="store_true", help="print the verdict as JSON")
    asked = parser.parse_intermixed_args()
    given = {name: value for name in ("recipe", "set", "sample") if (value := getattr(asked, name)) is not None}
    settings = read_settings(read_yaml(Path("config/config.yaml")) | given)
    name, recipe = load_recipe(settings.recipe, settings.set, settings.sample)
    found = verify(name, recipe, asked.targets, asked.sizes, asked.raw, asked.notes, asked.threads)
    config = ["--config", *(f"{key}={value}" for key, value in given.items())] if given else []
    if asked.json:
        faults = [asdict(fault) | {"command": command(fault, config)} for fault in found.faults]
        print(json.dumps(asdict(found) | {"recipe": name, "faults": faults}, indent=1, ensure_ascii=False))
    else:
        print(as_text(found, config))
    return 1 if found.faults else 0


def command(fault: Fault, config: Sequence[str]) -> str:
    """What builds a file again."""
    return join(["snakemake", fault.build, *config]) if fault.build else ""


def as_text(found: Verdict, config: Sequence[str]) -> str:
    """A line for each fault, then what was compared."""
    lines = []
    for fault in found.faults:
        deleted = f"delete {' and '.join(fault.delete)}, then " if fault.delete else ""
        remedy = f"{deleted}run `{command(fault, config)}`" if fault.build else "restore it, or pin its dataset again"
        lines.append(f"{fault.path}: {fault.fault}: {remedy}")
    lines.append(
        f"{found.files:,} files, {found.bytes:,} bytes: {len(found.faults):,} damaged or missing"
        + (f"; {found.passed:,} files are in the notes" if found.passed else "")
        + "".join(f"; {kind}: {count:,} not made yet" for kind, count in found.unmade.items())
    )
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Nano3Error as error:
        sys.exit(f"verify: {error}")
