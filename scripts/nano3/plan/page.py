"""A plan as an offline page, and its picture as a file of its own; both follow the reader from light to dark."""

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from nano3.plan.picture import picture
from nano3.plan.plan import KINDS, Plan
from nano3.plan.state import written
from nano3.plan.text import COLUMNS, costs, refusals, sentences, verdict
from nano3.receipt import replaced
from nano3.report.svg import DARK, LIGHT

TEMPLATES = (Path(__file__).parent, Path(__file__).parent.parent / "report")


def write_page(plan: Plan, page: Path) -> None:
    """The plan as one HTML page, whole or not at all."""
    html = _environment().get_template("plan.html.j2")
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
    _write(file, _environment().get_template("plan.svg.j2").render(**_shared(plan)))


def _shared(plan: Plan) -> dict[str, object]:
    edits = ", ".join(f"{key}={written(value)}" for key, value in plan.what_if.items())
    title = f"Plan of recipe {plan.state.asked.name}" + (f", if {edits}" if edits else "")
    return {"picture": picture(plan), "title": title, "light": LIGHT, "dark": DARK}


def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _write(file: Path, text: str) -> None:
    with replaced(file) as aside:
        aside.write_text(text, encoding="utf-8")
