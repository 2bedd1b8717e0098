"""A plan as an offline page, and its picture as a file of its own; both follow the reader from light to dark."""

from pathlib import Path

from nano3.artifact.files import replaced
from nano3.drawing.templates import environment
from nano3.graph.reasons import written
from nano3.plan.picture import picture
from nano3.plan.plan import KINDS, Plan
from nano3.plan.text import COLUMNS, costs, refusals, sentences, verdict


def write_page(plan: Plan, page: Path) -> None:
    """The plan as one HTML page, whole or not at all."""
    html = environment(Path(__file__).parent).get_template("plan.html.j2")
    _write(
        page,
        html.render(
            **_shared(plan),
            verdict=verdict(plan),
            refusals=refusals(plan),
            kinds=KINDS,
            columns=COLUMNS,
            counts=plan.counts,
            sentences=sentences(plan),
            costs=costs(plan),
        ),
    )


def write_picture(plan: Plan, file: Path) -> None:
    """The plan's graph as one SVG file, whole or not at all."""
    _write(file, environment(Path(__file__).parent).get_template("plan.svg.j2").render(**_shared(plan)))


def _shared(plan: Plan) -> dict[str, object]:
    edits = ", ".join(f"{key}={written(value)}" for key, value in plan.what_if.items())
    title = f"Plan of recipe {plan.state.request.name}" + (f", if {edits}" if edits else "")
    return {"picture": picture(plan), "title": title}


def _write(file: Path, text: str) -> None:
    with replaced(file) as aside:
        aside.write_text(text, encoding="utf-8")
