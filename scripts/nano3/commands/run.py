"""What would run, and start it where it outlives the session: plan, submit, certify."""

import os
import sys
from pathlib import Path

import click

from nano3.commands.options import Choice, as_json, other_recipes, recipe_options, to_json


@click.command()
@click.argument("targets", metavar="[TARGET]…", nargs=-1)
@recipe_options
@click.option("--what-if", metavar="KEY=VALUE", multiple=True, help="As if the recipe's file said so.")
@click.option("--jobs", type=int, metavar="N", help="Jobs at a time, for the estimate; default: the cores.")
@as_json
@click.option("--html", type=click.Path(path_type=Path), metavar="FILE", help="Write it as a page, too.")
@click.option("--svg", type=click.Path(path_type=Path), metavar="FILE", help="Write its graph as a picture, too.")
@click.option("--detailed-exitcode", is_flag=True, help="Exit with 2 if there is something to do.")
def plan(
    choice: Choice,
    targets: tuple[str, ...],
    what_if: tuple[str, ...],
    jobs: int | None,
    as_json: bool,
    html: Path | None,
    svg: Path | None,
    detailed_exitcode: bool,
) -> int:
    """
    Say what would run, why, and what it would cost.

    TARGET: a dataset, a phase, phase/segment or a path; all: none. It runs nothing and needs no lock.
    """
    from nano3.plan.plan import as_json as plan_as_json
    from nano3.plan.plan import make_plan
    from nano3.plan.text import as_text, sentences
    from nano3.recipes.overrides import parse_overrides

    edits = {key: value for word in what_if for key, value in parse_overrides(word).items()}
    plan = make_plan(choice.settings(), edits, targets, jobs)
    if as_json:
        print(to_json(plan_as_json(plan, sentences(plan))))
    else:
        others = [] if choice.recipe else other_recipes(choice.settings().recipe)
        print(as_text(plan, colour=sys.stdout.isatty() and not os.environ.get("NO_COLOR"), others=others), end="")
    if html or svg:
        from nano3.plan.page import write_picture, write_plan

        if svg:
            write_picture(plan, svg)
        if html:
            write_plan(plan, html)
    return 2 if detailed_exitcode and not plan.empty else 0


@click.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--profile", type=click.Path(path_type=Path), metavar="FOLDER", default="profiles/slurm", show_default=True,
    help="Snakemake's profile; it names account and partition.",
)  # fmt: skip
@click.option(
    "--time-limit", metavar="TIME", default="1-00:00:00", show_default=True,
    help="Of Snakemake's own job, as sbatch takes it; at its end the job is requeued.",
)  # fmt: skip
@click.argument("arguments", metavar="[-- ARGUMENTS OF SNAKEMAKE]", nargs=-1, type=click.UNPROCESSED)
def submit(profile: Path, time_limit: str, arguments: tuple[str, ...]) -> None:
    """Run Snakemake as a small Slurm job that outlives the session."""
    from nano3.cluster.controller import Controller

    Controller(list(arguments)).submit(profile, time_limit)


@click.command()
@click.option("--renew", is_flag=True, help="Take today's bytes for golden: shards of earlier code are stale then.")
def certify(renew: bool) -> None:
    """
    Show that changed code makes the same tokens.

    If it makes all golden bytes, config/certificates.yaml says so, and the shards of earlier code stay fresh.
    """
    from nano3.corpus.certify import certify_code

    certify_code(renew=renew)
