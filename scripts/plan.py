"""Say what would run, why, and what it would cost, now or after a change of the recipe: as `terraform plan` does."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from nano3.config.options import RecipeOption, SampleOption, SetOption, given, settings_with
from nano3.core.cli import Argument, AsJson, run, to_json
from nano3.plan.plan import as_json, make_plan
from nano3.plan.text import as_text, sentences
from nano3.recipes.overrides import parse_overrides

Targets = Annotated[
    Sequence[str], Argument("dataset, phase, phase/segment or path; all: none", "TARGET", positional=True)
]


def main(
    targets: Targets = (),
    recipe: RecipeOption = None,
    overrides: SetOption = None,
    sample: SampleOption = None,
    what_if: Annotated[Sequence[str], Argument("as if the recipe's file said so", "KEY=VALUE")] = (),
    jobs: Annotated[int | None, Argument("jobs at a time, for the estimate; default: the cores", "N")] = None,
    json: AsJson = False,
    html: Annotated[Path | None, Argument("write it as a page, too", "FILE")] = None,
    svg: Annotated[Path | None, Argument("write its graph as a picture, too", "FILE")] = None,
    detailed_exitcode: Annotated[bool, Argument("exit with 2 if there is something to do")] = False,
) -> int:
    """Print the plan."""
    edits = {key: value for word in what_if for key, value in parse_overrides(word).items()}
    plan = make_plan(settings_with(given(recipe, overrides, sample)), edits, targets, jobs)
    if json:
        print(to_json(as_json(plan, sentences(plan))))
    else:
        print(as_text(plan, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR")), end="")
    if html or svg:
        from nano3.plan.page import write_picture, write_plan

        if svg:
            write_picture(plan, svg)
        if html:
            write_plan(plan, html)
    return 2 if detailed_exitcode and not plan.empty else 0


if __name__ == "__main__":
    run(main, __doc__)
