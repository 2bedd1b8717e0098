"""Say what would run, why, and what it would cost, now or after a change of the recipe: as `terraform plan` does."""

import argparse
import json
import os
import sys
from pathlib import Path

from nano3 import Nano3Error
from nano3.config.load import parse_overrides, read_settings
from nano3.core.schema import read_yaml
from nano3.plan.plan import as_json, make_plan
from nano3.plan.text import as_text, sentences


def main() -> int:
    """Print the plan that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="dataset, phase, phase/segment or path; all: none")
    parser.add_argument("--recipe", help="name of a recipe in config/recipes")
    parser.add_argument("--set", metavar="'KEY=VALUE ...'", help="overrides, which give the recipe another name")
    parser.add_argument("--sample", type=int, metavar="N", help="rows to take of each dataset")
    parser.add_argument(
        "--what-if", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="as if the recipe's file said so"
    )
    parser.add_argument("--jobs", type=int, metavar="N", help="jobs at a time, for the estimate; default: the cores")
    parser.add_argument("--json", action="store_true", help="print the plan as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page, too")
    parser.add_argument("--svg", type=Path, metavar="FILE", help="write its graph as a picture, too")
    parser.add_argument("--detailed-exitcode", action="store_true", help="exit with 2 if there is something to do")
    asked = parser.parse_intermixed_args()
    given = {name: value for name in ("recipe", "set", "sample") if (value := getattr(asked, name)) is not None}
    settings = read_settings(read_yaml(Path("config/config.yaml")) | given)
    what_if = {key: value for word in asked.what_if for key, value in parse_overrides(word).items()}
    plan = make_plan(settings, what_if, asked.targets, asked.jobs)
    if asked.json:
        print(json.dumps(as_json(plan, sentences(plan)), indent=1, ensure_ascii=False))
    else:
        print(as_text(plan, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")), end="")
    if asked.html or asked.svg:
        from nano3.plan.page import write_picture, write_plan

        if asked.svg:
            write_picture(plan, asked.svg)
        if asked.html:
            write_plan(plan, asked.html)
    return 2 if asked.detailed_exitcode and not plan.empty else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except Nano3Error as error:
        sys.exit(f"plan: {error}")
