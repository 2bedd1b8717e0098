"""A plan as an offline page, and its picture as a file of its own; both follow the reader from light to dark."""

from pathlib import Path

from markupsafe import Markup

from nano3.drawing.templates import write_page
from nano3.graph.reasons import written
from nano3.plan.picture import picture
from nano3.plan.plan import KINDS, Plan
from nano3.plan.text import COLUMNS, certified, costs, left_out, refusals, sentences, slow_engine, verdict

HERE = Path(__file__).parent


def write_plan(plan: Plan, page: Path) -> None:
    """The plan as one HTML page, whole or not at all."""
    write_page(
        page,
        HERE / "plan.html.j2",
        picture=picture(plan),
        title=_title(plan),
        verdict=verdict(plan),
        certified=certified(plan),
        slow_engine=slow_engine(plan),
        left_out=left_out(plan),
        refusals=map(_with_code, refusals(plan)),
        notes=map(_with_code, [*plan.dropped, *plan.unpinned]),
        kinds=KINDS,
        columns=COLUMNS,
        counts=plan.counts,
        sentences=sentences(plan),
        costs=costs(plan),
    )


def write_picture(plan: Plan, file: Path) -> None:
    """The plan's graph as one SVG file, whole or not at all."""
    write_page(file, HERE / "plan.svg.j2", picture=picture(plan), title=_title(plan))


def _with_code(sentence: str) -> Markup:
    """A sentence whose `commands` look like code."""
    parts = sentence.split("`")
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _title(plan: Plan) -> str:
    edits = ", ".join(f"{key}={written(value)}" for key, value in plan.what_if.items())
    return f"Plan of recipe {plan.state.request.name}" + (f", if {edits}" if edits else "")
