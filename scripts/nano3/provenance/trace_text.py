"""How are answers of nano3.provenance.trace printed? With rows counted from 1, as an editor or `sed -n 4p` does."""

from itertools import groupby
from json import dumps

from nano3.core.formatting import many
from nano3.provenance.trace import Piece, Row

SHOWN = 72  # characters of a text in a line
COUNTED = "Rows are counted from 1; steps, sequences, tokens and epochs from 0."


def steps_as_text(pieces: list[Piece]) -> str:
    """A heading for each step, a line for each document in it."""
    lines = []
    width = max(len(f"{piece.dataset}/{piece.shard}") for piece in pieces)
    for step, group in groupby(pieces, key=lambda piece: piece.step):
        own = list(group)
        rows = {(piece.dataset, piece.shard, piece.row_index) for piece in own}
        tokens = sum(piece.tokens for piece in own)
        lines.append(
            f"{own[0].phase}/{own[0].segment}, step {step}: {many(own[-1].sequence + 1, 'sequence')}, "
            f"{many(tokens, 'token')}, {many(len(rows), 'row')} of "
            f"{many(len({(piece.dataset, piece.shard) for piece in own}), 'shard')}"
        )
        lines.append(f"{'sequence':>8} {'at':>7}  {'shard':<{width}} {'row':>8} {'tokens':>17} {'epoch':>5}")
        for piece in own:
            shard, part = f"{piece.dataset}/{piece.shard}", f"{piece.token:,}-{piece.token + piece.tokens - 1:,}"
            where = f"{piece.sequence:>8} {piece.position:>7,}  {shard:<{width}}"
            lines.append(f"{where} {piece.row_index + 1:>8,} {part:>17} {piece.epoch:>5}")
            if piece.text is not None:
                lines.append(" " * 18 + dumps(piece.text, ensure_ascii=False)[:SHOWN])
    return "\n".join([*lines, COUNTED])


def row_as_text(traced: Row) -> str:
    """What became of a row, and a line for each sample that holds some of it."""
    fates = {
        "valid": "held out for validation",
        "test": "held out for test",
        "skipped": "skipped: it has no usable text",
    }
    shard = f"shard {traced.shard} of {traced.dataset}"
    lines = [f"row {traced.row_index + 1:,}, counted from 1, of {traced.raw} ({shard})", f"from  {traced.origin}"]
    if traced.fate in fates:
        return "\n".join([*lines, fates[traced.fate]])
    steps = len({each.step for each in traced.occurrences})
    where = f"in {many(steps, 'step')}" if steps else "no step that was trained so far reaches it"
    lines.append(f"{traced.tokens:,} tokens; {where}")
    lines += [
        f"{each.phase}/{each.segment}, step {each.step}, sequence {each.sequence}, epoch {each.epoch}: "
        f"tokens {each.token:,}-{each.token + each.tokens - 1:,}"
        for each in traced.occurrences
    ]
    return "\n".join(lines)
