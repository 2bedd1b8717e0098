"""Rule write_report: lineage and receipts become one offline page."""

from nano3.core.cli import run
from nano3.report.page import write_report

if __name__ == "__main__":
    run(write_report)
