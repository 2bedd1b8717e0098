"""A step is a heading and a line for each document; a row says what became of it."""

from dataclasses import replace

from nano3.provenance.trace import Occurrence, Piece, Row
from nano3.provenance.trace_text import SHOWN, row_as_text, steps_as_text

PIECE = Piece("phase1", "stable", 7, 0, 0, "web", 1, "part-0", "raw/part-0.jsonl", "hf://x", "0" * 64, 12, 0, 100)


def test_documents_of_a_step_are_counted_in_its_heading() -> None:
    pieces = [PIECE, replace(PIECE, sequence=1, row_index=13, text="x" * 200), replace(PIECE, step=8)]
    lines = steps_as_text(pieces).splitlines()
    assert lines[0] == "phase1/stable, step 7: 2 sequences, 200 tokens, 2 rows of 1 shard"
    assert lines[2].split()[:4] == ["0", "0", "web/part-0", "13"], "row 12 from 0 is the 13th"
    assert lines[-1].startswith("Rows are counted from 1;")
    assert [len(line) for line in lines if "xxx" in line] == [18 + SHOWN]
    assert lines[5] == "phase1/stable, step 8: 1 sequence, 100 tokens, 1 row of 1 shard"


def test_a_row_says_where_it_was_or_why_nowhere() -> None:
    row = Row("web", "part-0", "raw/part-0.jsonl", "hf://x", "0" * 64, 12, "training", 100, ())
    assert row_as_text(row).splitlines()[0] == "row 13, counted from 1, of raw/part-0.jsonl (shard part-0 of web)"
    assert "100 tokens; no step that was trained so far reaches it" in row_as_text(row)
    assert row_as_text(replace(row, fate="valid")).endswith("held out for validation")
    seen = Occurrence("phase1", "stable", 7, 3, 0, 0, 100)
    assert "phase1/stable, step 7, sequence 3" in row_as_text(replace(row, occurrences=(seen,)))
