"""Reads a file in a process of its own, for its peak of memory."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY

READ = """
import resource, sys
from pathlib import Path
import nano3.formats.readers as readers
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
column, document, on_bad_row = sys.argv[2:5]
source = readers.TextSource(column or None, document or None, on_bad_row)
bad, rows, size = [], 0, 0
try:
    for batch in readers.read_text(Path(sys.argv[1]), source, None, bad):
        rows, size = rows + len(batch), size + batch.nbytes
except readers.TextError as error:
    print(error)
print(rows, len(bad), size, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def peak_of_reading(path: Path, column: str = "text", document: str = "") -> tuple[int, int, int, int, str]:
    """Rows, bad rows, bytes of text, bytes of memory at most while reading, and the error, if any."""
    command = [sys.executable, "-c", READ, str(path), column, document, "skip"]
    environment = {"PYTHONPATH": str(REPOSITORY / "scripts")}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    *errors, figures = done.stdout.splitlines()
    rows, bad, size, kilobytes = map(int, figures.split())
    return rows, bad, size, kilobytes * 1024, "".join(errors)
