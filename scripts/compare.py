"""Say what is different between two trainings: data, mixture, code, settings, losses."""

from pathlib import Path
from typing import Annotated

from nano3.core.cli import Argument, AsJson, run, to_json
from nano3.provenance.compare import compare
from nano3.report.comparison import as_text, write_comparison

SIDE = "a recipe's name, or the receipt of an export or of a segment"


def main(
    before: Annotated[str, Argument(SIDE, "A", positional=True)],
    after: Annotated[str, Argument("the same", "B", positional=True)],
    json: AsJson = False,
    html: Annotated[Path | None, Argument("write it as a page, too", "FILE")] = None,
) -> None:
    """Print the comparison."""
    comparison = compare(before, after)
    print(to_json(comparison) if json else as_text(comparison))
    if html:
        write_comparison(comparison, html)


if __name__ == "__main__":
    run(main, __doc__)
