"""Which raw rows were in an optimizer step, and in which steps was a raw row?"""

import argparse
import json
import sys
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

from nano3 import Nano3Error
from nano3.core.formatting import many
from nano3.provenance.trace import Piece, Row, segments, trace_row, trace_steps

SHOWN = 72  # characters of a text in a line


def main() -> None:
    """Print the trace that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    kinds = parser.add_subparsers(dest="kind", required=True)
    step = kinds.add_parser("step", help="the documents of a step, or of a range of steps")
    step.add_argument("--step", required=True, metavar="N[-M]", help="as in metrics.jsonl: from the start of training")
    step.add_argument("--phase", help="a phase that the steps must be of")
    step.add_argument("--text", action="store_true", help="with the text that was trained on")
    row = kinds.add_parser("row", help="the steps that a raw row was trained in")
    row.add_argument("--dataset", required=True)
    row.add_argument("--file", required=True, help="a shard, or a raw file by its path or the end of it")
    row.add_argument("--row", required=True, type=int, help="of the raw file, from 0")
    for each in (step, row):
        each.add_argument("--recipe", default="tiny", help="name of the artifacts, as in results/checkpoints")
        each.add_argument("--json", action="store_true", help="print it as JSON")
    asked = parser.parse_args()
    trained = segments(Path("results/checkpoints") / asked.recipe)
    if asked.kind == "row":
        found = trace_row(trained, asked.dataset, asked.file, asked.row)
        print(json.dumps(asdict(found), ensure_ascii=False, indent=1) if asked.json else _row(found))
        return
    first, _, last = asked.step.partition("-")
    pieces = list(trace_steps(trained, int(first), int(last or first), asked.phase, asked.text))
    if asked.json:
        print(json.dumps([asdict(piece) for piece in pieces], ensure_ascii=False, indent=1))
    else:
        print("\n".join(_steps(pieces)))


def _steps(pieces: list[Piece]) -> list[str]:
    """A heading for each step, a line for each document in it."""
    lines = []
    width = max(len(f"{piece.dataset}/{piece.shard}") for piece in pieces)
    for step, group in groupby(pieces, key=lambda piece: piece.step):
        own = list(group)
        rows = {(piece.dataset, piece.shard, piece.row) for piece in own}
        tokens = sum(piece.tokens for piece in own)
        lines.append(
            f"{own[0].phase}/{own[0].segment}, step {step}: {own[-1].sequence + 1} sequences, {tokens:,} tokens, "
            f"{len(rows):,} rows of {len({(piece.dataset, piece.shard) for piece in own}):,} shards"
        )
        lines.append(f"{'sequence':>8} {'at':>7}  {'shard':<{width}} {'row':>8} {'tokens':>17} {'epoch':>5}")
        for piece in own:
            shard, part = f"{piece.dataset}/{piece.shard}", f"{piece.token:,}-{piece.token + piece.tokens - 1:,}"
            where = f"{piece.sequence:>8} {piece.position:>7,}  {shard:<{width}}"
            lines.append(f"{where} {piece.row:>8,} {part:>17} {piece.epoch:>5}")
            if piece.text is not None:
                lines.append(" " * 18 + json.dumps(piece.text, ensure_ascii=False)[:SHOWN])
    return lines


def _row(found: Row) -> str:
    """What became of a row, and a line for each sample that holds some of it."""
    fates = {
        "valid": "held out for validation",
        "test": "held out for test",
        "skipped": "skipped: it has no usable text",
    }
    lines = [f"row {found.row:,} of {found.raw} (shard {found.shard} of {found.dataset})", f"from  {found.origin}"]
    if found.fate in fates:
        return "\n".join([*lines, fates[found.fate]])
    steps = len({each.step for each in found.occurrences})
    lines.append(f"{found.tokens:,} tokens; in {many(steps, 'step')}")
    lines += [
        f"{each.phase}/{each.segment}, step {each.step}, sequence {each.sequence}, epoch {each.epoch}: "
        f"tokens {each.token:,}-{each.token + each.tokens - 1:,}"
        for each in found.occurrences
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    try:
        main()
    except Nano3Error as error:
        sys.exit(f"trace: {error}")
