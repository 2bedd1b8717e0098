"""How does a plan read in a terminal?"""

import re
import textwrap
from collections.abc import Iterator, Sequence

from nano3.core.formatting import SPACE, compact, duration, many, size, skipped
from nano3.corpus.certificates import CERTIFICATES
from nano3.graph.nodes import Certainty
from nano3.graph.reasons import written
from nano3.plan.estimate import SLOWER, Tokenizing, Training
from nano3.plan.plan import KINDS, STATES, Plan
from nano3.plan.remarks import gone_sentences
from nano3.plan.sentences import sentence

WIDTH = 100
COLUMNS = {name: words for name, words in STATES.items() if name != "unneeded"}
PAINT = {"fresh": "32", "stale": "33", "new": "36", "conditional": "35", "bold": "1"}
NO_BREAK = "\N{NO-BREAK SPACE}"
OTHERS = 6  # recipes that are named
UNMEASURED = "no estimate"
TOLD = 0.01  # part of an epoch's tokens; less in no sample is not worth a line


def sentences(plan: Plan) -> list[str]:
    """A sentence for each cause."""
    return [sentence(cause, plan.nodes) for cause in plan.causes]


def verdict(plan: Plan) -> str:
    """The plan in one line."""
    if plan.empty:
        return "Nothing to be done: all is fresh."
    will = [_amount(kind, counts.will) for kind, counts in plan.counts.items() if counts.will]
    perhaps = [_amount(kind, counts.conditional) for kind, counts in plan.counts.items() if counts.conditional]
    parts = [f"{', '.join(will)} will be made" if will else ""]
    parts += [f"{', '.join(perhaps)} if the bytes of a blend change" if perhaps else ""]
    return f"Plan: {'; '.join(filter(None, parts))}."


def refusals(plan: Plan) -> list[str]:
    """A sentence for each reason to stop: raw files that are gone, a set that is too short, a phase that is frozen."""
    first, then = "snakemake will stop before any job", "if the bytes of a blend change, snakemake will stop before"
    when = {Certainty.WILL: first, Certainty.IF: f"{then} it is trained"}
    gone = [f"{first}: {sentence}" for sentence in gone_sentences(plan.gone)]
    short = [f"{when[how]}: {plan.shortages[phase].error}" for phase, how in plan.stopped.items()]
    perhaps = [
        f"{then} {phase} is trained, which is frozen; allow it with --config thaw={phase}"
        for phase, how in plan.refused.items()
        if how == Certainty.IF
    ]
    return [*gone, *short, *(f"{first}: {sentence}" for sentence in plan.frozen), *perhaps]


def left_out(plan: Plan) -> list[str]:
    """A sentence for each phase that leaves out validation sets, and one about the tokens that an epoch skips."""
    phases = [f"{short.skipped}." for short in plan.shortages.values() if short.skipped]
    totals, much = plan.tokens, []
    for dataset, tokens in plan.skipped.items():
        total = totals.get(dataset, 0)
        if large := {length: count for length, count in tokens.items() if count > TOLD * total > 0}:
            much.append(f"{dataset} {skipped(large, total)}")
    if not much:
        return phases
    listed = "; ".join(much)
    words = f"Of an epoch, ends of shuffle blocks are in no sample, by tokens of a sequence: {listed}."
    return [*phases, words.replace(SPACE, " ")]


def slow_engine(plan: Plan) -> str | None:
    """That the slow engine encodes, and why, if it does."""
    why = plan.slow_engine
    return f"Hugging Face's tokenizers will encode, about {SLOWER} times as slow as gigatoken: {why}." if why else None


def certified(plan: Plan) -> str | None:
    """What is fresh by certificate, if anything is."""
    number = sum(plan.certified.values())
    were = "was" if number == 1 else "were"
    made = f"{many(number, 'shard')} {were} made by earlier code that is certified to make the same bytes"
    return f"{made} ({CERTIFICATES})." if number else None


def costs(plan: Plan) -> list[tuple[str, str, str]]:
    """Lines of the estimate: what, how much, from what it is known."""
    cost, lines = plan.estimate, []
    if cost.tokenizing:
        lines.append(("tokenizing", _tokenizing(cost.tokenizing, plan.jobs), cost.tokenizing.basis))
    lines += [
        (f"training{condition}", _training(part), part.basis)
        for condition, part in (("", cost.training), (", if bytes change", cost.perhaps))
        if part
    ]
    certain, possible = (cost.wall(certainty) for certainty in (Certainty.WILL, Certainty.IF))
    if lines and possible is not None:
        both = f"{duration(certain)}; {duration(possible)} if bytes change" if certain is not None else ""
        wall = both if cost.perhaps else duration(possible)
        guess = "first guess, " if cost.is_guess else ""
        lines.append(("wall time", wall, f"{guess}{many(cost.jobs, 'job')} at a time"))
    return [(what, amount.replace(SPACE, " "), basis) for what, amount, basis in lines]


def as_text(plan: Plan, colour: bool, others: Sequence[str] = ()) -> str:
    """The plan in at most WIDTH columns. colour: paint it with ANSI sequences. others: recipes that might be meant."""
    return "\n".join(_lines(plan, colour, others)) + "\n"


def _lines(plan: Plan, colour: bool, others: Sequence[str]) -> Iterator[str]:
    def paint(text: str, name: str) -> str:
        return f"\033[{PAINT[name]}m{text}\033[0m" if colour else text

    edits = ", ".join(f"{key}={written(value)}" for key, value in plan.what_if.items())
    yield paint(f"Recipe {plan.state.request.name}" + (f", if {edits}" if edits else ""), "bold")
    if others:
        more = f" and {len(others) - OTHERS} more" if len(others) > OTHERS else ""
        line = f"Other recipes: {', '.join(others[:OTHERS])}{more}. Name one with --recipe."
        yield from _wrapped(line)
    yield ""
    yield " " * 17 + "".join(f"{heading:>20}" for heading in COLUMNS.values())
    for kind, counts in plan.counts.items():
        cells = [(name, getattr(counts, name)) for name in COLUMNS]
        row = (f"{f'{number:,}' if number else '-':>20}" for _, number in cells)
        painted = (paint(text, name) if number else text for (name, number), text in zip(cells, row, strict=True))
        yield f"{KINDS[kind][1]:<17}" + "".join(painted)
    if plan.causes:
        yield from ("", paint("Why", "bold"))
        for why in sentences(plan):
            yield from _wrapped(why, initial_indent="- ", subsequent_indent="  ")
    if lines := costs(plan):
        yield from ("", paint("Estimate, from what receipts measured", "bold"))
        yield from _table(lines)
    if unneeded := sum(counts.unneeded for counts in plan.counts.values()):
        yield from ("", f"{many(unneeded, 'missing artifact')} that nothing needs now: made when something does.")
    for told in filter(None, (plan.dropped, plan.unpinned)):
        yield from ("", *(line for each in told for line in _wrapped(each)))
    for line in filter(None, (certified(plan), slow_engine(plan), *left_out(plan), verdict(plan), *refusals(plan))):
        yield from ("", *_wrapped(line))


def _wrapped(text: str, **indents: str) -> list[str]:
    """In lines that are not broken inside a word or a `command`."""
    whole = re.sub("`[^`]+`", lambda command: command[0].replace(" ", NO_BREAK), text)
    lines = textwrap.wrap(whole, WIDTH, break_on_hyphens=False, break_long_words=False, **indents)  # type: ignore[arg-type]
    return [line.replace(NO_BREAK, " ") for line in lines]


def _table(lines: Sequence[tuple[str, str, str]]) -> Iterator[str]:
    width = max(len(what) for what, _, _ in lines) + 2
    for what, amount, basis in lines:
        text = f"{amount}: {basis}" if amount.endswith(UNMEASURED) else f"{amount} ({basis})"
        yield from _wrapped(text, initial_indent=f"{what:<{width}}", subsequent_indent=" " * width)


def _amount(kind: str, number: int) -> str:
    return f"{number:,} {KINDS[kind][number > 1]}"


def _tokenizing(part: Tokenizing, jobs: int) -> str:
    shards = many(part.shards, "shard") + (f" in {many(jobs, 'job')}" if jobs != part.shards else "")
    words = [f"{shards}, {size(part.bytes)} raw"]
    if part.download:
        words.append(f"{size(part.download)} to download")
    if part.seconds is None or part.written is None:
        return ", ".join([*words, UNMEASURED])
    return ", ".join([*words, f"{duration(part.seconds)} of one process", f"{size(part.written)} of tokens"])


def _training(part: Training) -> str:
    words = f"{many(part.segments, 'segment')}, {compact(part.tokens)} tokens"
    if part.seconds is None:
        return f"{words}, {UNMEASURED}"
    if not part.gpus:
        return f"{words}, {duration(part.seconds)}"
    return f"{words}, {part.seconds / 3600:,.1f} GPU hours"
