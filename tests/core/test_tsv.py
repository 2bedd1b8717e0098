"""Lines are split as csv splits them, whatever is in their cells."""

import csv
import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from nano3.core.tsv import read_table, write_table

CELL = st.text(st.sampled_from("ab1 \t\n\"'\x0b\x85\u2028é"), max_size=4)


@settings(deadline=None)
@given(st.lists(st.lists(CELL, min_size=2, max_size=3), max_size=4))
def test_cells_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tsv"
        write_table(path, ["one", "two"], rows)
        assert list(read_table(path)) == [["one", "two"], *rows]


@settings(deadline=None)
@given(st.text(st.sampled_from('ab\t\n\r"\u2028'), max_size=12))
def test_any_text_is_read_as_csv_reads_it(text: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "x.tsv"
        path.write_text(text, encoding="utf-8", newline="")
        with path.open(encoding="utf-8", newline="") as file:
            expected = [line or [""] for line in csv.reader(file, delimiter="\t")]
        assert [line or [""] for line in read_table(path)] == expected or not text
