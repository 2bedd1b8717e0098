"""Say what is different between two trainings: data, mixture, code, settings, losses."""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

from nano3 import Nano3Error
from nano3.provenance.compare import compare
from nano3.report.comparison import as_text, write_comparison


def main() -> None:
    """Print the comparison that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", metavar="A", help="a recipe's name, or the receipt of an export or of a segment")
    parser.add_argument("after", metavar="B", help="the same")
    parser.add_argument("--json", action="store_true", help="print it as JSON")
    parser.add_argument("--html", type=Path, metavar="FILE", help="write it as a page, too")
    asked = parser.parse_args()
    found = compare(asked.before, asked.after)
    print(json.dumps(asdict(found), ensure_ascii=False, indent=1) if asked.json else as_text(found))
    if asked.html:
        write_comparison(found, asked.html)


if __name__ == "__main__":
    try:
        main()
    except Nano3Error as error:
        sys.exit(f"compare: {error}")
