"""What did a run make, how good is it, and what may be typed next? The last lines of a run that went well."""

import shlex
from collections.abc import Mapping

from nano3.artifact.steps import SegmentReceipt
from nano3.config.load import Settings
from nano3.core.formatting import loss, many
from nano3.graph import judge
from nano3.graph.request import Request

MADE = {
    "download_shard": "raw shard",
    "tokenize_shard": "token pair",
    "tokenize_bundle": "bundle of token pairs",
    "index_dataset": "dataset index",
    "write_blend": "blend",
    "build_index_cache": "index cache",
    "train_segment": "trained segment",
    "export_hf": "export",
    "write_lineage": "lineage",
}
PLURALS = {"dataset index": "dataset indexes", "bundle of token pairs": "bundles of token pairs"}


def ending(request: Request, settings: Settings, made: Mapping[str, int]) -> str:
    """
    The last lines of a run.

    made: jobs of each rule that ran. A run that wrote no report, because its targets end before, is told what it made.
    """
    if "write_report" not in made:
        things = [_things(rule, made[rule]) for rule in MADE if rule in made]
        what = " and ".join(filter(None, [", ".join(things[:-1]), *things[-1:]])) or "what was asked for"
        return f"Done: {what}. `nano3 plan{choice_words(settings)}` says what is left up to the report"
    name = shlex.quote(request.name)
    commands = {
        f"nano3 trace step 0 --recipe {name}": "which raw rows were in a step?",
        f"nano3 compare {name} OTHER": "what differs from another run?",
        f"nano3 verify{choice_words(settings)}": "are all files as they were made?",
    }
    width = max(map(len, [*commands][:-1]))
    return "\n".join(
        [
            f"Report: {request.paths.report_files[1]}",
            f"Model:  {request.paths.exported('model')}",
            *_losses(request),
            "Next:",
            *(f"  {command:{width}}  {question}" for command, question in commands.items()),
        ]
    )


def choice_words(settings: Settings) -> str:
    """The options that name a run's recipe to `nano3`, with a space before them."""
    words = ["", "--recipe", settings.recipe]
    words += ["--set", shlex.quote(settings.set)] if settings.set else []
    words += ["--sample", str(settings.sample)] if settings.sample else []
    return " ".join(words)


def _things(rule: str, count: int) -> str:
    noun = MADE[rule]
    return f"{count:,} {PLURALS[noun]}" if count > 1 and noun in PLURALS else many(count, noun)


def _losses(request: Request) -> list[str]:
    """Validation loss of each dataset, before the first step and after the last."""
    places = [judge.read(request.paths.segment(*place), SegmentReceipt) for place in request.places]
    if not places or places[0] is None or places[-1] is None:
        return []
    first, last = places[0].facts.validation.get("before", {}), places[-1].facts.validation.get("after", {})
    losses = [f"{name} {loss(first.get(name))} -> {loss(value)}" for name, value in last.items()]
    return [f"Validation loss, before and after training: {', '.join(losses)}"] if losses else []
