"""Rule write_report: lineage and receipts become one offline page."""

from nano3.door import run
from nano3.report.page import write_report

if __name__ == "__main__":
    run(write_report)
